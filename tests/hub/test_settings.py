"""Every knob: its default, and a bad value that stops the start with a sentence."""

import os
import subprocess
import sys
from pathlib import Path

import pytest
from django.core.exceptions import ImproperlyConfigured

from hub import embedded
from hub import settings as hub_settings

ROOT = Path(__file__).resolve().parents[2]


def _load(tmp_path: Path, **environment: str) -> subprocess.CompletedProcess[str]:
    code = "from django.conf import settings as s; print(s.HUB_PORT, s.DATABASES['default']['HOST'], s.CELERY_BROKER_URL)"
    clean = {
        name: value
        for name, value in os.environ.items()
        if not name.startswith(("HUB_", "DATABASE_", "CELERY_"))
    }
    clean |= {
        "HUB_DATA": str(tmp_path),
        "SECRET_KEY": "",
        "DJANGO_SETTINGS_MODULE": "hub.settings",
    } | environment
    return subprocess.run(
        [sys.executable, "-c", code], cwd=ROOT, env=clean, capture_output=True, text=True, check=False
    )


def test_a_clean_checkout_needs_no_setting(tmp_path):
    done = _load(tmp_path)
    assert done.stdout.split() == ["8000", str(embedded.socket_folder(tmp_path)), "hubfiles://localhost/"], (
        done.stderr
    )


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("HUB_PORT", "http"),
        ("HUB_PORT", "70000"),
        ("HUB_DEBUG", "perhaps"),
        ("HUB_WORKERS", "0"),
        ("HUB_LOG_LEVEL", "LOUD"),
        ("SECRET_KEY", "short"),
        ("DATABASE_URL", "sqlite:///x.db"),
        ("DATABASE_URL", "postgresql://host:port/name"),
        ("HUB_DATA", "/proc/nowhere"),
    ],
)
def test_a_bad_value_stops_the_start_and_is_named(tmp_path, name, value):
    done = _load(tmp_path, **{name: value})
    assert done.returncode != 0
    last = done.stderr.strip().splitlines()[-1]
    assert "ImproperlyConfigured" in last
    assert name in last


def test_a_database_url_is_read_with_its_escapes_and_options(tmp_path):
    found = hub_settings.database("postgresql://me:p%40ss@db.local:5433/hub?sslmode=require", tmp_path)
    assert (found["USER"], found["PASSWORD"], found["HOST"], found["PORT"]) == (
        "me",
        "p@ss",
        "db.local",
        "5433",
    )
    assert (found["NAME"], found["OPTIONS"]) == ("hub", {"sslmode": "require"})


def test_the_secret_key_is_made_once_and_private(tmp_path, monkeypatch):
    monkeypatch.setenv("SECRET_KEY", "")
    first = hub_settings.secret_key(tmp_path)
    assert len(first) > 50
    assert hub_settings.secret_key(tmp_path) == first
    assert (tmp_path / "secret_key").stat().st_mode & 0o777 == 0o600
    assert [path.name for path in tmp_path.iterdir()] == ["secret_key"]


def test_a_bool_takes_the_usual_words_only(monkeypatch):
    for text, value in (("1", True), ("yes", True), ("off", False), ("", True)):
        monkeypatch.setenv("HUB_X", text)
        assert hub_settings.env_bool("HUB_X", True) is value
    monkeypatch.setenv("HUB_X", "maybe")
    with pytest.raises(ImproperlyConfigured, match="HUB_X"):
        hub_settings.env_bool("HUB_X", True)
