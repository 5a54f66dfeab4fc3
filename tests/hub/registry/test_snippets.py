"""The commands on a module's page, run as they are against a live server, and the result loaded by plain peft."""

import subprocess

import pytest

from hub.accounts.services import create_token
from hub.registry.snippets import curl_snippet, peft_snippet
from tests import tiny


@pytest.mark.parametrize("private", [False, True])
def test_snippets_work(live_server, transactional_db, alice, publish, tmp_path, private, monkeypatch):
    base = tiny.save_llama(tmp_path / "base")
    folder = tiny.save_lora(base, tmp_path / "lora", model_id="me/tiny")
    module = publish(alice, "opposites", folder=folder, private=private).module
    monkeypatch.setenv("HF_TOKEN", create_token(user=alice, name="x")[1])

    work = tmp_path / "work"
    work.mkdir()
    script = curl_snippet(module, module.head, live_server.url)
    subprocess.run(["bash", "-euc", script], cwd=work, check=True, timeout=60)
    for name in ("adapter_config.json", "adapter_model.safetensors"):
        assert (work / "opposites" / name).read_bytes() == (folder / name).read_bytes()

    monkeypatch.chdir(work)
    names: dict[str, object] = {}
    exec(compile(peft_snippet(module, module.head).replace("me/tiny", str(base)), "snippet", "exec"), names)  # noqa: S102
    assert type(names["model"]).__name__.startswith("PeftModel")
