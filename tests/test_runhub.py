"""`manage.py runhub` for real: it starts, answers, stops in order, and recovers from kill -9."""

import json
import os
import signal
import socket
import subprocess
import sys
import time
import urllib.error
import urllib.request
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[1]
PATIENCE = 180.0  # seconds; the machine may be busy


class Hub:
    """One `manage.py runhub` on a data folder and port of its own."""

    def __init__(self, data: Path) -> None:
        self.data = data
        with socket.create_server(("127.0.0.1", 0)) as free:
            self.port = free.getsockname()[1]
        self.process: subprocess.Popen[str] | None = None

    def start(self, *arguments: str) -> subprocess.Popen[str]:
        environment = os.environ | {
            "HUB_DATA": str(self.data),
            "HUB_PORT": str(self.port),
            "HUB_STATIC_HASHED": "1",
        }
        command = [sys.executable, "manage.py", "runhub", "--skip-content", *arguments]
        with (self.data / "said.txt").open("w") as said:
            self.process = subprocess.Popen(
                command, cwd=ROOT, env=environment, stdout=said, stderr=subprocess.STDOUT
            )
        return self.process

    def said(self) -> str:
        return (self.data / "said.txt").read_text()

    def wait_until_ready(self) -> None:
        assert until(lambda: "\nready " in self.said() or self.process.poll() is not None), self.said()
        assert self.process.poll() is None, self.said()

    def get(self, path: str) -> tuple[int, dict[str, str]]:
        try:
            with urllib.request.urlopen(f"http://127.0.0.1:{self.port}{path}", timeout=10) as answer:
                return answer.status, json.load(answer)
        except urllib.error.HTTPError as error:
            with error:
                return error.code, json.load(error)

    def left(self) -> list[str]:
        """The command lines of the processes that belong to this hub, runhub itself included."""
        found = []
        for folder in Path("/proc").iterdir():
            if folder.name.isdecimal():
                try:
                    text = b" ".join((folder / name).read_bytes() for name in ("cmdline", "environ")).decode(
                        errors="replace"
                    )
                except OSError:
                    continue
                if str(self.data) in text and int(folder.name) != os.getpid():
                    found.append(
                        (folder / "cmdline").read_bytes().decode(errors="replace").replace("\0", " ")
                    )
        return [line for line in found if line.strip()]


def until(condition: Callable[[], bool], seconds: float = PATIENCE) -> bool:
    deadline = time.monotonic() + seconds
    while not condition():
        if time.monotonic() > deadline:
            return False
        time.sleep(0.1)
    return True


@pytest.fixture
def hub(tmp_path: Path) -> Iterator[Hub]:
    made = Hub(tmp_path)
    yield made
    if made.process is not None and made.process.poll() is None:
        made.process.terminate()
        try:
            made.process.wait(20)
        except subprocess.TimeoutExpired:
            made.process.kill()
            made.process.wait()
    assert until(lambda: not made.left(), 30), made.left()


def test_it_starts_stops_in_order_and_starts_again_with_its_data(hub):
    hub.start()
    hub.wait_until_ready()
    assert hub.get("/healthz") == (200, {"status": "ok", "web": "ok", "database": "ok"})
    assert hub.get("/readyz")[0] == 200
    password = (hub.data / "first-user.txt").read_text().split("password: ")[1].strip()
    assert hub.said().count(password) == 1
    assert (hub.data / "first-user.txt").stat().st_mode & 0o777 == 0o600

    began = time.monotonic()
    hub.process.send_signal(signal.SIGTERM)
    assert hub.process.wait(30) == 0
    assert time.monotonic() - began < 20  # 10 s where the machine is not this busy
    assert hub.said().rstrip().endswith("stopped")
    assert until(lambda: not hub.left(), 10), hub.left()

    hub.start()
    hub.wait_until_ready()
    assert password not in hub.said()
    assert "first account" not in hub.said()


def test_after_kill_9_nothing_runs_on_and_the_next_start_recovers(hub):
    hub.start()
    hub.wait_until_ready()
    hub.process.kill()
    hub.process.wait()
    hub.start()  # at once, while the old children are still going
    hub.wait_until_ready()
    assert hub.get("/healthz")[0] == 200
    hub.process.kill()
    hub.process.wait()
    assert until(lambda: not hub.left(), 30), hub.left()


def test_a_child_that_dies_is_started_again(hub):
    hub.start()
    hub.wait_until_ready()
    children = Path(f"/proc/{hub.process.pid}/task/{hub.process.pid}/children").read_text().split()
    web = next(pid for pid in children if b"gunicorn" in Path(f"/proc/{pid}/cmdline").read_bytes())
    os.kill(int(web), signal.SIGKILL)
    assert until(lambda: "the web server ended (signal 9)" in hub.said()), hub.said()

    def answers() -> bool:
        try:
            return hub.get("/readyz")[0] == 200
        except OSError:
            return False

    assert until(answers)


def test_a_second_hub_on_the_same_data_is_refused(hub):
    first = hub.start()
    assert until(lambda: "database ready" in hub.said())
    environment = os.environ | {"HUB_DATA": str(hub.data), "HUB_PORT": str(hub.port)}
    second = subprocess.run(
        [sys.executable, "manage.py", "runhub", "--skip-content"],
        cwd=ROOT, env=environment, capture_output=True, text=True, check=False, timeout=60,
    )  # fmt: skip
    assert second.returncode != 0
    assert "A hub already runs on" in second.stderr
    assert first.poll() is None
