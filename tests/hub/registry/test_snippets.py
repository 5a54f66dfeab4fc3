"""The commands on a module's page, run as they are against a live server, and the result loaded by plain peft."""

import subprocess

import pytest

from composer.base_model import load_base_model
from composer.generate import greedy_answers
from composer.prompts import PromptFormat
from hub.accounts.services import create_token
from hub.registry.snippets import ask_snippet, curl_snippet, peft_snippet
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


@pytest.mark.parametrize(
    ("kind", "prompt"),
    [
        ("llama", PromptFormat('It\'s {input}\n"A": {output}')),
        ("llama", PromptFormat("Say {input}\n{output}", chat=True, system="Be 'brief'.")),
        ("t5", PromptFormat()),
    ],
)
def test_the_snippet_asks_as_the_composer_does(kind, prompt, tmp_path, capsys):
    """Its answer is that of generate.greedy_answers, the prompt format included."""
    base = load_base_model(tiny.SAVERS[kind](tmp_path / "base"), dtype="float32")
    base.tokenizer.chat_template = (
        "{% for m in messages %}[{{ m.role }}]{{ m.content }}<unk>{% endfor %}[assistant]"
    )
    names = {"tokenizer": base.tokenizer, "model": base.model}
    exec(compile(ask_snippet(base.architecture, prompt), "snippet", "exec"), names)  # noqa: S102
    [expected] = greedy_answers(base, ["your input"], prompt, max_new_tokens=32)
    assert capsys.readouterr().out.strip() == expected
