"""Which files a module may hold, by name and by first bytes."""

import re
from pathlib import Path

from composer.errors import AdapterError
from composer.safetensors_file import check_finite, read_header, refuse_other_formats

CONFIG = "adapter_config.json"
WEIGHTS = "adapter_model.safetensors"

_PICKLES = (".bin", ".pt", ".pth", ".pkl", ".pickle", ".ckpt", ".joblib", ".npy", ".npz", ".pyc", ".dill")
_ALLOWED = (
    ".json",
    ".md",
    ".txt",
    ".csv",
    ".jsonl",
    ".yaml",
    ".yml",
    ".png",
    ".jpg",
    ".jpeg",
    ".webp",
    ".svg",
    ".jinja",
    ".model",
)
_ALLOWED_NAMES = ("LICENSE", "NOTICE", ".gitattributes")
_WHOLE_MODEL_RE = re.compile(
    r"((tf_|flax_|diffusion_pytorch_|open_clip_|pytorch_)?model|consolidated(\.\d+)?|.*-\d+-of-\d+)"
    r"\.safetensors|.*\.(gguf|ggml|onnx|h5|msgpack|tflite|pb|engine)"
)
_ARCHIVES = (".zip", ".tar", ".gz", ".tgz", ".bz2", ".xz", ".zst", ".7z", ".rar", ".whl", ".nemo")
_SEGMENT_RE = re.compile(r"[A-Za-z0-9_][\w.\- ]{0,95}", re.ASCII)


def check_file_name(name: str) -> None:
    """Raise AdapterError (bad_path, pickle_not_allowed, file_not_allowed) unless a module may hold a file of this name."""
    segments = name.split("/")
    plain = all(
        _SEGMENT_RE.fullmatch(part) and part[-1] not in ". " for part in segments if part != ".gitattributes"
    )
    if not name or len(segments) > 4 or not plain:
        raise AdapterError(f"{ascii(name)[:120]} is not an acceptable file name.", code="bad_path")
    last = segments[-1]
    if last.lower().endswith(_PICKLES):
        raise AdapterError(
            f"{name} may be a pickle, and pickles can run code; only safetensors weights are accepted.",
            code="pickle_not_allowed",
        )
    if _WHOLE_MODEL_RE.fullmatch(last.lower()):
        raise AdapterError(
            f"{name} holds a whole model by its name, and modules are adapters alone (weights as {WEIGHTS}).",
            code="file_not_allowed",
        )
    if last.lower().endswith(_ARCHIVES):
        raise AdapterError(
            f"{name} is an archive; send the files that are in it, one by one.", code="file_not_allowed"
        )
    if is_tensor_file(last):
        return
    if last not in _ALLOWED_NAMES and not last.lower().endswith(_ALLOWED):
        raise AdapterError(
            f"{name} is not a kind of file that a module holds (weights as {WEIGHTS}, and text, JSON or images).",
            code="file_not_allowed",
        )


def is_tensor_file(name: str) -> bool:
    """Does the name promise safetensors? The adapter's weights, or those of a checkpoint or an initial state beside it."""
    return name.endswith(".safetensors")


def check_other_tensors(path: Path, name: str) -> None:
    """A safetensors file beside the adapter: bounded and finite like the adapter's, and not the weights of a whole model."""
    file = read_header(path)
    for tensor in file.tensors:
        if not tensor.name.startswith("base_model.") and "lora" not in tensor.name.lower():
            raise AdapterError(
                f"{name} has the tensor {tensor.name[:120]}, which belongs to a whole model; modules hold adapters alone.",
                code="full_weights_not_allowed",
            )
    check_finite(file)


def check_text_file(path: Path, name: str) -> None:
    """Refuse a pickle, zip or LFS pointer that goes under an allowed name (every file without tensors)."""
    with path.open("rb") as file:
        refuse_other_formats(file.read(8), name)
