import os
import socket
import subprocess
import sys
import time
import urllib.request
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from hub import embedded
from tests.hub.registry.conftest import adapter, base_model, publish  # noqa: F401

ROOT = Path(__file__).resolve().parents[3]
PATIENCE = 120.0  # seconds; a busy machine is slow


@pytest.fixture(scope="session")
def second_hub(tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    """The address of another running hub (second_hub.py)."""
    data = tmp_path_factory.mktemp("second")
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port = probe.getsockname()[1]
    environment = os.environ | {"HUB_DATA": str(data), "OMP_NUM_THREADS": "1"}
    log = data / "server.log"
    with log.open("wb") as out:
        command = [sys.executable, "-m", "tests.hub.transfers.second_hub", str(port)]
        process = subprocess.Popen(command, cwd=ROOT, env=environment, stdout=out, stderr=out)
    url = f"http://127.0.0.1:{port}"
    deadline = time.monotonic() + PATIENCE
    while True:
        try:
            urllib.request.urlopen(f"{url}/healthz", timeout=5).close()
            break
        except OSError:
            assert process.poll() is None, log.read_text()
            assert time.monotonic() < deadline, log.read_text()
            time.sleep(0.1)
    yield url
    process.terminate()
    process.wait(20)
    embedded.stop(data)


@pytest.fixture
def allowed(settings: Any, second_hub: str) -> str:
    """The second hub, from which this one may import."""
    settings.HUB_IMPORT_HOSTS = ["huggingface.co", second_hub]
    return second_hub
