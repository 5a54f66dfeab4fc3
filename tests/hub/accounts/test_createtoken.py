"""manage.py createtoken."""

import re

import pytest
from django.core.management import CommandError, call_command

from hub.accounts import services
from hub.accounts.models import AccessToken, User


def _run(capsys, *arguments: str) -> str:
    call_command("createtoken", *arguments)
    return capsys.readouterr().out.strip()


def test_it_prints_one_token_that_works(capsys, alice):
    printed = _run(capsys, "alice")
    assert re.fullmatch(r"hf_[A-Za-z0-9]{34,}", printed)
    token = services.find_token(printed)
    assert token.user == alice
    assert token.can_write


def test_create_makes_the_user_with_a_namespace_once(capsys, db):
    first, second = _run(capsys, "robot", "--create"), _run(capsys, "robot", "--create")
    assert first != second
    user = User.objects.get(username="robot")
    assert user.namespace.name == "robot"
    assert not user.has_usable_password()


def test_scope_and_days(capsys, alice):
    _run(capsys, "alice", "--scope", "read", "--days", "7", "--name", "ci")
    token = AccessToken.objects.get()
    assert (token.scope, token.name) == ("read", "ci")
    assert token.expires_at is not None


@pytest.mark.parametrize(
    ("arguments", "sentence"),
    [
        (["nobody"], "There is no user"),
        (["api", "--create"], "reserved"),
        (["a/b", "--create"], "Use 1 to 96"),
        (["alice", "--days", "0"], "--days"),
    ],
)
def test_wrong_input_says_what_to_change(alice, arguments, sentence):
    with pytest.raises(CommandError, match=re.escape(sentence)):
        call_command("createtoken", *arguments)
    assert not AccessToken.objects.exists()
    assert User.objects.count() == 1
