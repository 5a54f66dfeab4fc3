"""The command line, in this process except once."""

import contextlib
import json
import os
import pty
import shutil
import subprocess
import sys
import termios
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from safetensors.torch import load_file, save_file

from composer.__main__ import main
from tests import tiny


@pytest.fixture
def rows(tmp_path: Path) -> Path:
    path = tmp_path / "rows.jsonl"
    path.write_text("".join(json.dumps(row) + "\n" for row in tiny.rows(5)))
    return path


def run(capsys: pytest.CaptureFixture[str], *arguments: Any) -> tuple[int, dict[str, Any], str]:
    code = main([str(a) for a in arguments])
    out, err = capsys.readouterr()
    return code, json.loads(out) if out else {}, err


def test_compose_then_evaluate_then_inspect(
    tiny_folder: Callable[[str], Path],
    tiny_module: Callable[..., Path],
    rows: Path,
    tmp_path: Path,
    capsys: pytest.CaptureFixture[str],
) -> None:
    base, out = tiny_folder("llama"), tmp_path / "out"
    modules = [tiny_module("llama", seed=seed) for seed in (1, 2)]
    code, result, err = run(
        capsys, "compose", "--base", base, "--module", modules[0], "--module", modules[1],
        "--examples", rows, "--holdout", rows, "--out", out, "--budget", 8, "--max-new-tokens", 4,
        "--arithmetic", "float32",
    )  # fmt: skip
    assert code == 0
    assert result["evaluations"] <= 8
    assert len(result["weights"]) == 2
    assert "evaluations, best loss" in err
    assert {p.name for p in out.iterdir()} == {
        "adapter_config.json",
        "adapter_model.safetensors",
        "recipe.json",
    }
    composed = next(arm for arm in result["arms"] if arm["key"] == "composition")

    code, result, _ = run(
        capsys, "evaluate", "--base", base, "--adapter", out, "--rows", rows, "--max-new-tokens", 4,
        "--arithmetic", "float32",
    )  # fmt: skip
    assert code == 0
    # In bf16, where the processor has it, a loss differs by the batch that it was computed in.
    assert result["loss"] == pytest.approx(composed["loss"], abs=2e-3)
    assert (result["n"], result["exact_match"]) == (5, composed["exact_match"])

    code, result, _ = run(capsys, "inspect", out, "--base", base)
    assert code == 0
    assert result["composable"] is True
    assert len(result["layers"]) == 4


def test_evaluate_without_an_adapter_is_the_base_model(
    tiny_folder: Callable[[str], Path], rows: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    code, result, _ = run(
        capsys, "evaluate", "--base", tiny_folder("llama"), "--rows", rows, "--max-new-tokens", 4
    )
    assert (code, result["n"]) == (0, 5)
    assert result["loss"] > 0


def test_train_writes_an_adapter_that_can_be_composed(
    tiny_folder: Callable[[str], Path], rows: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    out = tmp_path / "trained"
    code, result, err = run(
        capsys,
        "train",
        "--base",
        tiny_folder("llama"),
        "--rows",
        rows,
        "--out",
        out,
        "--steps",
        3,
        "--rank",
        2,
    )
    assert (code, result["steps"]) == (0, 3)
    assert "step 3/3" in err
    code, result, _ = run(capsys, "inspect", out, "--base", tiny_folder("llama"))
    assert (code, result["config"]["r"]) == (0, 2)


@pytest.mark.parametrize(
    ("change", "sentence"),
    [
        ({"--budget": "0"}, "the budget must be a whole number from 1 to 2,000"),
        ({"--examples": "missing.jsonl"}, "cannot read missing.jsonl"),
        ({"--module": "nowhere"}, "adapter_config.json is missing"),
        ({"--base": "nowhere"}, "has no config.json"),
        ({"--template": "nothing"}, "must contain {input} once"),
        ({"--template": "auto", "--instruction": "Do it."}, "--template or --instruction, not both"),
        ({"--system": "Be brief."}, "choose the chat format"),
        ({"--method": "faithful", "--optimizer": "cma"}, "its optimizer is ngopt, not cma"),
        ({"--objective": "option_accuracy"}, "needs the options of every example"),
        ({"--options": "a; b"}, "is not one of its options"),
        ({"--out": "/dev/null/x"}, "cannot make the folder /dev/null/x"),
    ],
)
def test_bad_input_ends_with_code_2_and_a_sentence(
    change: dict[str, str],
    sentence: str,
    tiny_folder: Callable[[str], Path],
    tiny_module: Callable[..., Path],
    rows: Path,
    tmp_path: Path,
    capsys: pytest.CaptureFixture[str],
) -> None:
    options = {
        "--base": str(tiny_folder("llama")),
        "--module": str(tiny_module("llama")),
        "--examples": str(rows),
        "--out": str(tmp_path / "out"),
    } | change
    code, result, err = run(capsys, "compose", *[part for pair in options.items() for part in pair])
    assert (code, result) == (2, {})
    assert sentence in err


def test_an_output_folder_in_use_is_refused(
    tiny_folder: Callable[[str], Path], rows: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    code, _, err = run(capsys, "train", "--base", tiny_folder("llama"), "--rows", rows, "--out", tmp_path)
    assert code == 2
    assert "choose another --out" in err


def test_it_runs_as_a_module_and_help_loads_nothing_heavy() -> None:
    script = "import sys, composer.__main__; sys.exit('torch' in sys.modules)"
    assert subprocess.run([sys.executable, "-c", script], check=False).returncode == 0
    done = subprocess.run(
        [sys.executable, "-m", "composer", "compose"], capture_output=True, text=True, check=False
    )
    assert done.returncode == 2
    assert "--base" in done.stderr


def compose_arguments(base: Path, modules: list[Path], rows: Path, out: Path) -> list[Any]:
    return [
        *("compose", "--base", base, "--module", *modules, "--examples", rows, "--out", out),
        *("--budget", 5, "--max-new-tokens", 2),
    ]


def test_chats_and_options_are_measured_and_recorded(
    tiny_folder: Callable[[str], Path],
    tiny_module: Callable[..., Path],
    rows: Path,
    tmp_path: Path,
    capsys: pytest.CaptureFixture[str],
) -> None:
    base, out, modules = tmp_path / "chatty", tmp_path / "out", [tiny_module("llama", seed=1)]
    shutil.copytree(tiny_folder("llama"), base)
    (base / "chat_template.jinja").write_text(
        "{% for m in messages %}[{{ m.role }}]{{ m.content }}<unk>{% endfor %}[assistant]"
    )
    options = ["--chat", "--system", "Be brief.", "--options", "yes; no; seven; a b; x"]
    code, result, _ = run(
        capsys, *compose_arguments(base, modules, rows, out), *options, "--objective", "option_accuracy"
    )
    assert code == 0
    prompt = {"template": "{input} {output}", "chat": True, "system": "Be brief."}
    assert (result["prompt"], result["objective"]) == (prompt, "option_accuracy")
    assert result["arms"][0]["option_n"] == 5
    assert result["arms"][0]["majority"] == 0.2

    # What the folder records is used, and said, until another is given.
    code, result, err = run(capsys, "evaluate", "--base", base, "--adapter", out, "--rows", rows)
    assert (code, result["prompt"]) == (0, prompt)
    assert "with the chat template that it records" in err
    arguments = ["--template", "Q: {input}\nA: {output}", "--max-new-tokens", 2]
    code, result, err = run(capsys, "evaluate", "--base", base, "--adapter", out, "--rows", rows, *arguments)
    assert (code, result["prompt"]["chat"]) == (0, False)
    assert "that it records" not in err
    assert run(capsys, "inspect", out)[1]["prompt"] == prompt


def test_a_trained_module_records_its_template_and_compose_tries_it(
    tiny_folder: Callable[[str], Path], rows: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    base, trained = tiny_folder("llama"), tmp_path / "trained"
    told = ["--instruction", "Say it.", "--steps", 2, "--rank", 2]
    assert run(capsys, "train", "--base", base, "--rows", rows, "--out", trained, *told)[0] == 0
    code, result, err = run(capsys, *compose_arguments(base, [trained], rows, tmp_path / "out"))
    assert code == 0
    assert "trying the modules' own prompt templates" in err
    tried = [row["template"] for row in result["prompts_tried"]]
    assert sorted(tried) == ["Say it.\n\nQ: {input}\nA: {output}", "{input} {output}"]
    assert result["prompt"]["template"] == tried[0]


def test_weights_that_are_not_finite_are_refused_before_the_base_model_is_loaded(
    tiny_folder: Callable[[str], Path],
    tiny_module: Callable[..., Path],
    rows: Path,
    tmp_path: Path,
    capsys: pytest.CaptureFixture[str],
) -> None:
    broken = tmp_path / "broken"
    shutil.copytree(tiny_module("llama", seed=1), broken)
    tensors = load_file(broken / "adapter_model.safetensors")
    next(iter(tensors.values()))[0, 0] = float("nan")
    save_file(tensors, broken / "adapter_model.safetensors", metadata={"format": "pt"})
    code, _, err = run(capsys, *compose_arguments(tiny_folder("llama"), [broken], rows, tmp_path / "out"))
    assert code == 2
    assert "NaN" in err
    assert "loading" not in err


def test_a_file_that_cannot_be_written_is_exit_code_1(
    tiny_folder: Callable[[str], Path],
    tiny_module: Callable[..., Path],
    rows: Path,
    tmp_path: Path,
    capsys: pytest.CaptureFixture[str],
) -> None:
    missing = tmp_path / "no" / "such" / "folder.gguf"
    arguments = ["--adapter", tiny_module("llama", seed=1), "--format", "gguf", "--out", missing]
    code, _, err = run(capsys, "export", "--base", tiny_folder("llama"), *arguments)
    assert code == 1
    assert "cannot read or write" in err


def test_a_terminal_gets_a_bar_and_a_pipe_gets_lines(
    tiny_folder: Callable[[str], Path], tiny_module: Callable[..., Path], rows: Path, tmp_path: Path
) -> None:
    arguments = compose_arguments(
        tiny_folder("llama"), [tiny_module("llama", seed=1)], rows, tmp_path / "out"
    )
    watcher, terminal = pty.openpty()
    termios.tcsetwinsize(terminal, (24, 100))
    done = subprocess.run(
        [sys.executable, "-m", "composer", *map(str, arguments)],
        stdout=subprocess.PIPE,
        stderr=terminal,
        check=False,
    )
    os.close(terminal)
    seen = b""
    with contextlib.suppress(OSError):  # the end of a terminal
        while part := os.read(watcher, 65536):
            seen += part
    os.close(watcher)
    assert (done.returncode, json.loads(done.stdout)["evaluations"]) == (0, 5)
    assert b"5/5" in seen
    assert b"best loss" in seen
    assert b"evaluations, best loss" not in seen
