"""The real clients, each version in a virtual environment of its own inside the one that runs the tests.

`python -m tests.clients.environments` makes those that are missing (some seconds each, 120 MB together); `make test` does
so, and a test that needs one makes it.
"""

import fcntl
import hashlib
import subprocess
import sys
import venv
from pathlib import Path

VERSIONS = ("2.4.0", "1.3.0", "0.36.0")  # of huggingface_hub
HERE = Path(__file__).resolve().parent
ROOT = Path(sys.prefix) / "clients"


def python_of(version: str) -> Path:
    """The Python of the environment with this version of huggingface_hub, made if it is missing or out of date."""
    folder = ROOT / version
    requirements = HERE / f"requirements-{version}.txt"
    stamp, wanted = folder / ".requirements", hashlib.sha256(requirements.read_bytes()).hexdigest()
    python = folder / "bin" / "python"
    ROOT.mkdir(exist_ok=True)
    with (ROOT / f"{version}.lock").open("a") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        if not stamp.exists() or stamp.read_text() != wanted:
            print(f"  huggingface_hub {version} for the tests", flush=True)
            venv.create(folder, with_pip=False, clear=True)
            command = [sys.executable, "-m", "pip", "--disable-pip-version-check", "--python", str(python)]
            subprocess.run([*command, "install", "-q", "--no-deps", "-r", str(requirements)], check=True)
            stamp.write_text(wanted)
    return python


if __name__ == "__main__":
    for each in VERSIONS:
        python_of(each)
