"""owner/name[@revision], as a program writes it."""

import pytest

from hub.registry.services import RegistryError, resolve_module_ref


def test_newest_and_by_revision(module, alice, bob, publish):
    first = module.head
    second = publish(alice, create=False, message="again")
    assert resolve_module_ref("alice/opposites", bob) == second
    for ref in ("v1", first.commit, first.commit[:7]):
        assert resolve_module_ref(f" ALICE/Opposites@{ref} ", bob) == first


@pytest.mark.parametrize(
    "ref",
    ["", "/", "alice", "alice/", "/opposites", "alice/opposites/x", "a\0/b", "alice/opp\nosites", "x" * 5000],
)
def test_unknown_names(module, bob, ref):
    with pytest.raises(RegistryError) as error:
        resolve_module_ref(ref, bob)
    assert (error.value.code, error.value.status) == ("unknown_module", 404)
    assert len(error.value.detail) < 300


@pytest.mark.parametrize("ref", ["v2", "v0", "deadbeef", "abc", "v99999999999", "main@main"])
def test_unknown_revisions(module, bob, ref):
    with pytest.raises(RegistryError) as error:
        resolve_module_ref(f"alice/opposites@{ref}", bob)
    assert error.value.code == "unknown_revision"


def test_private_modules_are_unknown_to_others(private_module, alice, bob):
    from django.contrib.auth.models import AnonymousUser

    assert resolve_module_ref("alice/secret", alice) == private_module.head
    for stranger in (bob, AnonymousUser()):
        with pytest.raises(RegistryError) as error:
            resolve_module_ref("alice/secret", stranger)
        assert error.value.code == "unknown_module"
