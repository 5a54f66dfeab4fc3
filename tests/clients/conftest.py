"""A server process of the hub, and programs that talk to it with a version of the real client.

server.start()                                  gunicorn on the test's database, as `make run` starts it
run_script("2.4.0", "reading.py", token)        a script of this folder in that version's environment
"""

import json
import os
import socket
import subprocess
import sys
import time
import urllib.request
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest
from django.db import connection

from hub.accounts import services
from tests.clients.environments import python_of

HERE = Path(__file__).resolve().parent
ROOT = HERE.parents[1]
PATIENCE = 120.0  # seconds; a busy machine is slow


@dataclass
class Server:
    """A running hub. url: without a slash at the end."""

    url: str
    process: subprocess.Popen[bytes]
    log: Path

    @property
    def worker_pid(self) -> int:
        """The process that answers; gunicorn's own watches it."""
        children = Path(f"/proc/{self.process.pid}/task/{self.process.pid}/children").read_text().split()
        return int(children[0])


@pytest.fixture
def server(transactional_db: None, settings: Any, tmp_path: Path) -> Iterator[Server]:
    """A hub on the test's database and files; multipart uploads have parts of 1 MB."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port = probe.getsockname()[1]
    environment = os.environ | {
        "TEST_DATABASE": str(connection.settings_dict["NAME"]),
        "TEST_MEDIA": str(settings.MEDIA_ROOT),
        "HUB_LFS_PART": "1",
        "OMP_NUM_THREADS": "1",
    }
    options = f"--bind 127.0.0.1:{port} --worker-class gthread --threads 8 --timeout 120"
    options += " --no-control-socket --access-logfile -"
    command = [sys.executable, "-m", "gunicorn", "tests.clients.server:application", *options.split()]
    log = tmp_path / "server.log"
    with log.open("wb") as out:
        process = subprocess.Popen(command, cwd=ROOT, env=environment, stdout=out, stderr=out)
    found = Server(f"http://127.0.0.1:{port}", process, log)
    deadline = time.monotonic() + PATIENCE
    while True:
        try:
            urllib.request.urlopen(f"{found.url}/healthz", timeout=5).close()
            break
        except OSError:
            assert process.poll() is None and time.monotonic() < deadline, log.read_text()
            time.sleep(0.1)
    yield found
    process.terminate()
    process.wait(20)


@pytest.fixture
def token_of() -> Callable[..., str]:
    def make(user: Any, scope: str = "write") -> str:
        return services.create_token(user=user, name="laptop", scope=scope)[1]

    return make


@pytest.fixture
def run_script(server: Server, tmp_path: Path) -> Callable[..., dict[str, Any]]:
    """run_script(version, script, token, **environment): what the script printed as JSON on its last line."""
    count = [0]

    def run(version: str, script: str, token: str = "", **extra: str) -> dict[str, Any]:
        count[0] += 1
        home = tmp_path / f"home-{version}-{count[0]}"
        home.mkdir()
        python = sys.executable if version == "here" else str(python_of(version))
        kept = {
            key: value for key, value in os.environ.items() if not key.startswith(("HF_", "HUB_", "PIP_"))
        }
        environment = kept | {
            "HF_ENDPOINT": server.url,
            "HF_HOME": str(home),
            "HF_HUB_DISABLE_PROGRESS_BARS": "1",
            "HF_HUB_DISABLE_TELEMETRY": "1",
            "PYTHONPATH": str(ROOT),
            "OMP_NUM_THREADS": "1",
            **({"HF_TOKEN": token} if token else {}),
            **extra,
        }
        command = [python, "-W", "ignore", str(HERE / script)]
        done = subprocess.run(
            command, cwd=home, env=environment, capture_output=True, text=True, timeout=300, check=False
        )
        text = done.stdout + done.stderr
        assert done.returncode == 0, f"{text}\n--- server\n{server.log.read_text()[-6000:]}"
        found: dict[str, Any] = json.loads(done.stdout.strip().splitlines()[-1])
        return found

    return run


@pytest.fixture
def works(run_script: Callable[..., dict[str, Any]], server: Server) -> Callable[..., None]:
    """works(…): every call of the script did; else the test fails with those that did not."""

    def run(*arguments: str, **extra: str) -> None:
        failed = {name: text for name, text in run_script(*arguments, **extra).items() if text != "ok"}
        log = server.log.read_text()
        report = "\n\n".join(f"=== {name}\n{text}" for name, text in failed.items())
        assert not failed, f"{report}\n--- server\n{log[-5000:]}"
        assert "Traceback" not in log, log[-8000:]

    return run
