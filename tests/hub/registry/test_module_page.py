"""The page of one module."""

import pytest

from hub.registry.services import EvaluationData


def test_everybody_sees_a_public_module(client, module):
    page = client.get("/alice/opposites").content.decode()
    assert "<strong>opposite</strong>" in page
    assert module.head.short in page
    assert "adapter_model.safetensors" in page
    assert "tests/tiny" in page
    assert "/edit" not in page


def test_its_owner_can_edit_it(alice_client, module):
    page = alice_client.get("/alice/opposites").content.decode()
    assert "/alice/opposites/edit" in page


@pytest.mark.parametrize("who", ["client", "charlie_client"])
def test_strangers_get_404_for_a_private_module(request, private_module, who):
    response = request.getfixturevalue(who).get("/alice/secret")
    assert response.status_code == 404
    assert b"Opposites" not in response.content


def test_other_capitals_lead_to_the_module(client, module):
    response = client.get("/Alice/OPPOSITES")
    assert response.status_code == 302
    assert response.url == "/alice/opposites"


def test_measured_and_claimed_evaluations_beside_their_baseline(client, base_model, alice, publish):
    rows = [
        EvaluationData("Held-out rows", "exact_match", 0.52, 0.4, 0.66, 50, "measured", {"baseline": 0.125}),
        EvaluationData("My test", "accuracy", 0.61),
    ]
    publish(alice, evaluations=rows)
    page = client.get("/alice/opposites").content.decode()
    for text in ("measured here", "claimed", "0.520", "0.125", "0.400 – 0.660", "exact match"):
        assert text in page


def test_lineage_hides_private_parents(client, alice_client, base_model, alice, publish):
    public, secret = publish(alice, "one"), publish(alice, "two-secret", private=True)
    publish(alice, "child", parents=[(public, 0.8), (secret, 0.3)])

    page = client.get("/alice/child").content.decode()
    assert "alice/one" in page
    assert "a private module" in page
    assert "two-secret" not in page
    assert "two-secret" in alice_client.get("/alice/child").content.decode()
    assert "alice/child" in client.get("/alice/one").content.decode()


def test_a_former_revision_says_so(client, module, alice, publish, adapter):
    (adapter / "README.md").write_text("# Newer card")
    publish(alice, create=False)
    page = client.get(f"/alice/opposites?revision={module.head.commit}").content.decode()
    assert "You are looking at revision 1" in page
    assert "Newer card" not in page


@pytest.mark.parametrize("path", ["/alice/none", "/nobody/none", "/alice/opposites?revision=zzz", "/a%00b/c"])
def test_unknown_addresses(client, module, path):
    assert client.get(path).status_code == 404


def test_a_module_of_an_unknown_base_says_it_cannot_be_composed(client, alice, publish):
    publish(alice)
    page = client.get("/alice/opposites").content.decode()
    assert "not on this hub" in page
    assert "Compose with this" not in page


def test_card_cannot_carry_scripts(client, base_model, alice, publish, adapter):
    (adapter / "README.md").write_text(
        "<script>alert(1)</script> [a](javascript:alert(1)) ![b](https://tracker.example/x.png)\n\n"
        "[c](data:text/html,x) <img src=x onerror=alert(1)> [d](https://ok.example 'x\" onclick=\"y')\n"
    )
    publish(alice)
    page = client.get("/alice/opposites").content.decode()
    card = page[page.index('class="prose"') : page.index("</section>", page.index('class="prose"'))]
    for bad in ("<script", "<img", "tracker.example", 'href="javascript', 'href="data', 'onclick="y'):
        assert bad not in card
    assert 'href="https://ok.example"' in card


def test_number_of_queries(client, module, django_assert_max_num_queries):
    client.get("/alice/opposites")
    with django_assert_max_num_queries(12):
        client.get("/alice/opposites")
