"""The command line, in this process except once."""

import json
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

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
    composed = result["arms"][-1]

    code, result, _ = run(
        capsys, "evaluate", "--base", base, "--adapter", out, "--rows", rows, "--max-new-tokens", 4,
        "--arithmetic", "float32",
    )  # fmt: skip
    assert code == 0
    assert result["loss"] == pytest.approx(composed["loss"], abs=1e-4)
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
