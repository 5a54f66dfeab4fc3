"""Changing one's password."""

from tests.conftest import PASSWORD

NEW = "nine quiet herons"


def _form(**change: str) -> dict[str, str]:
    return {"old_password": PASSWORD, "new_password1": NEW, "new_password2": NEW} | change


def test_the_password_changes_and_the_session_goes_on(alice_client, alice):
    answer = alice_client.post("/settings/password/", _form(), follow=True)
    assert "Your password is changed." in answer.content.decode()
    alice.refresh_from_db()
    assert alice.check_password(NEW)


def test_a_wrong_old_password_or_a_weak_new_one_changes_nothing(alice_client, alice):
    for change in (
        {"old_password": "wrong"},
        {"new_password2": "other"},
        {"new_password1": "x", "new_password2": "x"},
    ):
        assert alice_client.post("/settings/password/", _form(**change)).status_code == 200
    alice.refresh_from_db()
    assert alice.check_password(PASSWORD)
