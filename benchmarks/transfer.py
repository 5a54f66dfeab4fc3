"""How much the web process grows while an adapter of 200 MB goes up and comes down, by the real client.

    python -m benchmarks.transfer [--size 200]

Starts a hub of its own in a temporary folder: the embedded PostgreSQL, and gunicorn as `make run` starts it.
"""

import argparse
import json
import os
import socket
import subprocess
import sys
import tempfile
import threading
import time
import urllib.request
from pathlib import Path

import numpy as np

ROOT = Path(__file__).resolve().parents[1]
CLIENT = """
import sys, time
from huggingface_hub import HfApi, hf_hub_download
what, repo, folder = sys.argv[1:]
api = HfApi()
if what == "up":
    api.create_repo(repo)
    api.upload_folder(repo_id=repo, folder_path=folder)
else:
    hf_hub_download(repo, "adapter_model.safetensors", force_download=True)
"""


def write_adapter(folder: Path, megabytes: int, seed: int) -> Path:
    """A valid adapter of this size whose values do not compress."""
    from tests.composer.adapter_folder import CONFIG, safetensors_bytes

    folder.mkdir()
    width = megabytes * 1_000_000 // 2 // 4 // 8
    random = np.random.default_rng(seed)
    layer = "base_model.model.model.layers.0.self_attn.q_proj"
    tensors = {
        f"{layer}.lora_A.weight": random.standard_normal((8, width), dtype=np.float32),
        f"{layer}.lora_B.weight": random.standard_normal((width, 8), dtype=np.float32),
    }
    config = {**CONFIG, "r": 8, "target_modules": ["q_proj"], "base_model_name_or_path": "far/away"}
    (folder / "adapter_config.json").write_text(json.dumps(config))
    (folder / "adapter_model.safetensors").write_bytes(safetensors_bytes(tensors))
    return folder


class Memory(threading.Thread):
    """Resident memory of a process in MB, looked at every 20 ms. Pages of files that sendfile reads do not count."""

    def __init__(self, pid: int) -> None:
        super().__init__(daemon=True)
        self.pid, self.peak, self.running = pid, 0.0, True

    def now(self) -> float:
        lines = Path(f"/proc/{self.pid}/status").read_text().splitlines()
        fields = dict(line.split(":", 1) for line in lines if line.startswith(("VmRSS", "RssAnon")))
        return int(fields["RssAnon"].split()[0]) / 1000

    def run(self) -> None:
        while self.running:
            self.peak = max(self.peak, self.now())
            time.sleep(0.02)


def free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--size", type=int, default=200, help="MB of the adapter")
    size = parser.parse_args().size
    with tempfile.TemporaryDirectory() as place:
        data = Path(place) / "data"
        os.environ |= {
            "HUB_DATA": str(data),
            "DJANGO_SETTINGS_MODULE": "hub.settings",
            "HUB_STATIC_HASHED": "0",
        }
        import django

        django.setup()
        from django.core.management import call_command

        from hub import embedded
        from hub.accounts import services

        embedded.ensure_running(data)
        call_command("migrate", verbosity=0)
        user = services.create_user("alice")
        _, token = services.create_token(user=user, name="benchmark", scope="write")
        url = f"http://127.0.0.1:{free_port()}"
        options = f"--bind {url[7:]} --worker-class gthread --threads 8 --timeout 120 --no-control-socket"
        command = [sys.executable, "-m", "gunicorn", "hub.wsgi:application", *options.split()]
        server = subprocess.Popen(command, cwd=ROOT, stderr=subprocess.DEVNULL)
        try:
            measure(url, token, server.pid, Path(place), size)
        finally:
            server.terminate()
            server.wait(10)
            embedded.stop(data)


def measure(url: str, token: str, pid: int, place: Path, size: int) -> None:
    while True:
        try:
            urllib.request.urlopen(f"{url}/api/models", timeout=5).close()
            break
        except OSError:
            time.sleep(0.2)
    worker = int(Path(f"/proc/{pid}/task/{pid}/children").read_text().split()[0])
    print(f"| adapter of {size} MB | seconds | before, MB | peak, MB | growth, MB |\n|---|---|---|---|---|")
    for number, (name, extra) in enumerate([("Xet", {}), ("Git LFS", {"HF_HUB_DISABLE_XET": "1"})]):
        folder = write_adapter(place / f"adapter-{number}", size, number)
        for what in ("up", "down"):
            memory = Memory(worker)
            before = memory.now()
            memory.start()
            began = time.monotonic()
            environment = os.environ | {
                "HF_ENDPOINT": url,
                "HF_TOKEN": token,
                "HF_HOME": str(place / "home"),
                **extra,
            }
            environment |= {"HF_HUB_DISABLE_PROGRESS_BARS": "1", "HF_HUB_OFFLINE": "0"}
            arguments = [what, f"alice/adapter-{number}", str(folder)]
            subprocess.run(
                [sys.executable, "-W", "ignore", "-c", CLIENT, *arguments], env=environment, check=True
            )
            seconds = time.monotonic() - began
            memory.running = False
            peak = max(memory.peak, before)
            print(
                f"| {name}, {what} | {seconds:.1f} | {before:.0f} | {peak:.0f} | {peak - before:.0f} |",
                flush=True,
            )


if __name__ == "__main__":
    main()
