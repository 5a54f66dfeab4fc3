"""Which names are allowed. The rules are those of huggingface_hub.utils.validate_repo_id."""

import pytest

from hub.accounts.names import RESERVED, name_error, namespace_error
from hub.urls import urlpatterns


@pytest.mark.parametrize("name", ["a", "alice", "A-b_c.d9", "x" * 96, "0"])
def test_good_names(name):
    assert name_error(name) is None


@pytest.mark.parametrize(
    "name",
    [
        "",
        "x" * 97,
        "-a",
        "a-",
        ".a",
        "a.",
        "a--b",
        "a..b",
        "a b",
        "a/b",
        "../a",
        "ä",
        "a\x00",
        "a\n",
        "x.git",
        "x.lock",
        "%2e",
    ],
)
def test_bad_names(name):
    assert name_error(name)


def test_every_first_segment_that_the_site_uses_is_reserved(db):
    """A user could otherwise never be seen, or hide a page of the site."""
    found = set()

    def walk(patterns, prefix):
        for pattern in patterns:
            text = prefix + str(pattern.pattern).removeprefix("^")
            if "/" in text or not hasattr(pattern, "url_patterns"):
                found.add(text.split("/")[0])
            else:
                walk(pattern.url_patterns, text)

    walk(urlpatterns, "")
    fixed = {segment for segment in found if segment and "<" not in segment}
    assert {"api", "admin", "signin", "settings", "healthz"} <= fixed
    assert {segment for segment in fixed if not namespace_error(segment)} == set()
    assert fixed <= RESERVED


def test_huggingface_hub_takes_the_same_names():
    from huggingface_hub.errors import HFValidationError
    from huggingface_hub.utils import validate_repo_id

    for name in ("a", "A-b_c.d9", "x" * 96, "-a", "a-", ".a", "a.", "a--b", "a..b", "a b", "x.git"):
        try:
            validate_repo_id(name)
        except HFValidationError:
            assert name_error(name), name
        else:
            assert name_error(name) is None, name
