"""The embedded PostgreSQL: starts by itself, is shared, and leaves nothing behind."""

import os
import signal
import subprocess
import sys
import time
from pathlib import Path

import psycopg
import pytest

from hub import embedded

ROOT = Path(__file__).resolve().parents[2]
HOLDER = (
    "import sys, time; from pathlib import Path; from hub import embedded;"
    "embedded.ensure_running(Path(sys.argv[1]), options=('fsync=off',)); print('up', flush=True); time.sleep(60)"
)


@pytest.fixture
def hold(tmp_path):
    """A function that starts a process which needs the server of tmp_path, and returns it once the server is up."""
    started = []

    def start() -> subprocess.Popen[str]:
        process = subprocess.Popen(
            [sys.executable, "-c", HOLDER, str(tmp_path)], cwd=ROOT, stdout=subprocess.PIPE, text=True
        )
        started.append(process)
        assert process.stdout is not None
        assert process.stdout.readline() == "up\n"
        return process

    yield start
    for process in started:
        process.kill()
        process.wait()
        assert process.stdout is not None
        process.stdout.close()
    assert _until(lambda: not embedded.is_accepting(tmp_path))


def _until(condition, seconds: float = 20.0) -> bool:
    deadline = time.monotonic() + seconds
    while not condition():
        if time.monotonic() > deadline:
            return False
        time.sleep(0.05)
    return True


def _query(data: Path, statement: str):
    with psycopg.connect(
        host=str(embedded.socket_folder(data)), user=embedded.SUPERUSER, dbname="hub"
    ) as connection:
        found = connection.execute(statement.encode())
        return found.fetchone() if found.description else None


def test_the_server_lives_as_long_as_somebody_needs_it_and_keeps_its_data(hold, tmp_path):
    first, second = hold(), hold()
    _query(tmp_path, "CREATE TABLE kept AS SELECT 7 AS number")
    first.kill()  # kill -9: the kernel lets go of the lock
    first.wait()
    time.sleep(1)
    assert embedded.is_accepting(tmp_path)
    second.kill()
    second.wait()
    assert _until(lambda: embedded._server_pid(tmp_path / "postgres") is None)
    assert not embedded.is_accepting(tmp_path)
    hold()
    assert _query(tmp_path, "SELECT number FROM kept") == (7,)


def test_a_killed_server_is_started_again(hold, tmp_path):
    hold()
    pid = embedded._server_pid(tmp_path / "postgres")
    os.kill(pid, signal.SIGKILL)
    assert _until(
        lambda: embedded.is_accepting(tmp_path) and embedded._server_pid(tmp_path / "postgres") != pid
    )


def test_a_stale_pid_file_and_socket_do_not_stop_the_start(hold, tmp_path):
    first = hold()
    first.kill()
    first.wait()
    assert _until(lambda: embedded._server_pid(tmp_path / "postgres") is None)
    # What a power cut leaves; the number now belongs to an innocent process (this one).
    lines = [
        str(os.getpid()),
        str(tmp_path / "postgres"),
        "1",
        "5432",
        str(tmp_path / "run"),
        "",
        "1 1",
        "ready",
    ]
    (tmp_path / "postgres" / "postmaster.pid").write_text("\n".join(lines) + "\n")
    (embedded.socket_folder(tmp_path) / ".s.PGSQL.5432").touch()
    hold()
    assert _query(tmp_path, "SELECT 1") == (1,)


def test_a_first_start_that_was_cut_off_begins_again(hold, tmp_path):
    (tmp_path / "postgres").mkdir()
    (tmp_path / "postgres" / "PG_VERSION").write_text("18\n")
    hold()
    assert _query(tmp_path, "SELECT 1") == (1,)


def test_the_extensions_can_be_made(hold, tmp_path):
    hold()
    for name in ("pg_trgm", "unaccent", "vector"):
        _query(tmp_path, f"CREATE EXTENSION {name}")
    assert _query(tmp_path, "SELECT '[1,2]'::vector <-> '[1,2]'::vector") == (0.0,)


def test_the_socket_of_a_long_path_is_elsewhere_and_private(tmp_path):
    deep = tmp_path / ("x" * 100)
    folder = embedded.socket_folder(deep)
    assert not folder.is_relative_to(deep)
    assert len(str(folder)) < 90
    assert folder == embedded.socket_folder(deep)
    assert embedded.socket_folder(tmp_path / "a") == tmp_path / "a" / "run"
