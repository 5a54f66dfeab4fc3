"""The `hf` command, as alice: every command of the protocol page."""

import os
import subprocess
import sys
from pathlib import Path

import huggingface_hub

from tests.clients.checks import ENDPOINT, check, run_all

ADAPTER = os.environ["ADAPTER"]
VERSION = huggingface_hub.__version__
NEW, OLD = VERSION.startswith("2."), VERSION.startswith("0.")
REPO = f"alice/cli-{VERSION.replace('.', '-')}"
TOKEN = os.environ.pop("HF_TOKEN")
HF = str(Path(sys.executable).with_name("hf"))
REPOS = "repos" if NEW else "repo"


def hf(*arguments, ok=True):
    done = subprocess.run([HF, *arguments], capture_output=True, text=True, check=False)
    assert (done.returncode == 0) == ok, f"{arguments}: {done.stdout[-1500:]}{done.stderr[-1500:]}"
    return done.stdout + done.stderr


@check
def login():
    hf("auth", "login", "--token", TOKEN)
    assert "alice" in hf("auth", "whoami")
    hf("auth", "login", "--token", "hf_" + "x" * 36, ok=False)
    assert "alice" in hf("auth", "whoami")


@check
def create():
    assert REPO in hf(REPOS, "create", REPO)
    hf(REPOS, "create", REPO, "--exist-ok")
    hf(REPOS, "create", REPO, ok=False)


@check
def upload():
    assert f"{ENDPOINT}/{REPO}" in hf("upload", REPO, ADAPTER, ".")
    hf("upload", REPO, f"{ADAPTER}/README.md", "notes/copy.md", "--commit-message", "A copy")


@check
def download():
    hf("download", REPO, "--local-dir", "here")
    here, sent = Path("here/adapter_model.safetensors"), Path(ADAPTER, "adapter_model.safetensors")
    assert here.read_bytes() == sent.read_bytes()
    assert "README.md" in hf("download", REPO, "README.md")
    assert "not" in hf("download", REPO, "nothing.json", ok=False).lower()


@check
def tags():
    hf(REPOS, "tag", "create", REPO, "v1")
    assert "v1" in hf(REPOS, "tag", "list", REPO)
    hf(REPOS, "tag", "delete", REPO, "v1", "-y")


@check
def delete_files():
    if not NEW:
        hf("repo-files", "delete", REPO, "notes/copy.md")
    else:
        hf(REPOS, "delete-files", REPO, "notes/copy.md")


@check
def branches_and_settings():
    if NEW:
        hf("repos", "branch", "create", REPO, "next")
        hf("repos", "branch", "delete", REPO, "next")
        hf("repos", "settings", REPO, "--private")
        hf("repos", "settings", REPO, "--public")
        assert REPO in hf("repos", "ls")


@check
def models():
    if not OLD:
        assert REPO in hf("models", "ls", "--author", "alice", *(["--format", "json"] if NEW else []))
        assert REPO in hf("models", "info", REPO)


@check
def cache():
    if NEW:
        hf("cache", "verify", REPO)
        hf("cp", f"hf://{REPO}/README.md", "card.md")
        assert Path("card.md").exists()


@check
def delete():
    if OLD:
        huggingface_hub.delete_repo(REPO, token=TOKEN)
    else:
        hf(REPOS, "delete", REPO, *(["--yes"] if NEW else []))
    hf("download", REPO, "README.md", "--force-download", ok=False)


@check
def logout():
    hf("auth", "logout")
    assert "not logged in" in hf("auth", "whoami", ok=not NEW).lower()


run_all()
