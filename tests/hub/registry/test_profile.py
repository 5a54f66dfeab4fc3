"""The page of a person."""


def test_profile_shows_public_modules(client, module, private_module):
    page = client.get("/alice").content.decode()
    assert "opposites" in page
    assert "secret" not in page


def test_own_profile_shows_private_modules_too(alice_client, charlie_client, private_module):
    assert "secret" in alice_client.get("/alice").content.decode()
    assert "secret" not in charlie_client.get("/ALICE").content.decode()


def test_nobody(client, db):
    assert client.get("/nobody").status_code == 404
    assert client.get("/no%00body").status_code == 404


def test_no_modules(client, bob):
    assert "published nothing" in client.get("/bob").content.decode()


def test_a_slash_at_the_end_does_no_harm(client, module, private_module):
    for path, target in (("/alice/", "/alice"), ("/alice/opposites/", "/alice/opposites")):
        response = client.get(path)
        assert (response.status_code, response.url) == (302, target)
    for path in ("/nobody/", "/alice/secret/", "/alice/none/"):
        assert client.get(path).status_code == 404
