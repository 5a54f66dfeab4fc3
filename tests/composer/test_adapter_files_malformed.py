"""Every way in which an upload can be malformed, and the exact code of the answer."""

import json
import struct
import time
import tracemalloc

import numpy as np
import pytest

from composer.adapter_files import inspect_adapter
from composer.errors import AdapterError
from composer.file_names import check_file_name
from tests.composer.adapter_folder import (
    CONFIG,
    LAYERS,
    header_of,
    pack,
    safetensors_bytes,
    tensors,
    write_adapter,
)

A0 = f"base_model.model.{LAYERS[0]}.lora_A.weight"
DATA = b"".join(array.tobytes() for array in tensors().values())


def code_of(folder) -> str:
    with pytest.raises(AdapterError) as error:
        inspect_adapter(folder)
    assert str(error.value)
    str(error.value).encode()  # the sentence can be sent: no lone surrogates
    return error.value.code


def test_the_folder_all_cases_start_from_is_valid(tmp_path):
    assert inspect_adapter(write_adapter(tmp_path)).composable


@pytest.mark.parametrize(
    ("changes", "code"),
    [
        ({"peft_type": None}, "bad_config"),
        ({"peft_type": "SUPERLORA"}, "unsupported_feature"),
        ({"peft_type": ["LORA"]}, "bad_config"),
        ({"r": 0}, "bad_config"),
        ({"r": -4}, "bad_config"),
        ({"r": 513}, "bad_config"),
        ({"r": 10**9}, "bad_config"),
        ({"r": 10**400}, "bad_config"),
        ({"r": 4.0}, "bad_config"),
        ({"r": "4"}, "bad_config"),
        ({"r": True}, "bad_config"),
        ({"r": None}, "bad_config"),
        ({"r": 8}, "bad_config"),  # the tensors say 4
        ({"lora_alpha": "16"}, "bad_config"),
        ({"lora_alpha": 1e300}, "bad_config"),
        ({"lora_alpha": 10**400}, "bad_config"),
        ({"lora_alpha": -1}, "bad_config"),
        ({"lora_alpha": True}, "bad_config"),
        ({"use_rslora": "yes"}, "bad_config"),
        ({"use_dora": 1}, "bad_config"),
        ({"bias": "some"}, "bad_config"),
        ({"task_type": "WORLD_PEACE"}, "bad_config"),
        ({"base_model_name_or_path": {"a": 1}}, "bad_config"),
        ({"base_model_name_or_path": "x" * 600}, "bad_config"),
        ({"base_model_name_or_path": "a\r\nb"}, "bad_config"),
        ({"init_lora_weights": {"a": 1}}, "bad_config"),
        ({"target_modules": [1, 2]}, "bad_config"),
        ({"target_modules": ["q_proj", "(a+)+"]}, "bad_config"),
        ({"target_modules": ["../../etc"]}, "bad_config"),
        ({"target_modules": {"q_proj": 1}}, "bad_config"),
        ({"target_modules": ["k_proj"]}, "bad_config"),  # names none of the file's layers
        ({"target_modules": "(a+)+$"}, "unsupported_feature"),
        ({"target_modules": "(.*)*q_proj"}, "unsupported_feature"),
        ({"target_modules": r"(\w+\s?)+q"}, "unsupported_feature"),
        ({"target_modules": ".*.*.*.*.*q_proj"}, "unsupported_feature"),
        ({"target_modules": r"(a)\1"}, "unsupported_feature"),
        ({"target_modules": "(?=q)q_proj"}, "unsupported_feature"),
        ({"target_modules": "(" * 900}, "unsupported_feature"),
        ({"target_modules": "a|" * 600}, "unsupported_feature"),
        ({"exclude_modules": "(x+x+)+y"}, "unsupported_feature"),
        ({"rank_pattern": {"(x+x+)+y": 4}}, "unsupported_feature"),
        ({"rank_pattern": {"q_proj": 10**9}}, "bad_config"),
        ({"rank_pattern": {"q_proj": 2}}, "bad_config"),  # the tensors say 4
        ({"rank_pattern": [4]}, "bad_config"),
        ({"alpha_pattern": {".*": 4}}, "unsupported_feature"),
        ({"alpha_pattern": {"q_proj": "4"}}, "bad_config"),
        ({"layer_replication": [[0, 4], [2, 5]]}, "unsupported_feature"),
        ({"auto_mapping": {"base_model_class": "X", "parent_library": "os"}}, "unsupported_feature"),
        ({"megatron_config": {"a": 1}}, "unsupported_feature"),
        ({"megatron_core": "os"}, "unsupported_feature"),
        ({"modules_to_save": "(x+x+)+y"}, "unsupported_feature"),
    ],
    ids=lambda value: ascii(value)[:40] if isinstance(value, dict) else "",
)
def test_config_values(tmp_path, changes, code):
    assert code_of(write_adapter(tmp_path, **changes)) == code


@pytest.mark.parametrize(
    "text",
    [
        b"",
        b"{",
        b"\xff\xfe{}",
        b"\xef\xbb\xbf{}",
        b'{"r": NaN}',
        b'{"lora_alpha": Infinity}',
        b'{"lora_alpha": 1e999}',
        b'{"a": "\\u0000"}',
        b'{"a": "\\ud800"}',
        b'{"\\udfff": 1}',
        b'{"r": 4, "r": 8}',
        b'{"r": ' + b"9" * 5000 + b"}",
        b'{"a": ' + b"[" * 10_000 + b"]" * 10_000 + b"}",
        b'{"a": ' + b'{"a":' * 10_000 + b"1" + b"}" * 10_000 + b"}",
        b'{"a": ' + b"[" * 100 + b"]" * 100 + b"}",
    ],
    ids=lambda text: ascii(text)[:30],
)
def test_config_that_is_not_json(tmp_path, text):
    assert code_of(write_adapter(tmp_path, config=text)) == "bad_json"


@pytest.mark.parametrize("text", [b"[]", b'"LORA"', b"3", b"null", b" " * (2**20 + 1)])
def test_config_that_is_json_but_no_config(tmp_path, text):
    assert code_of(write_adapter(tmp_path, config=text)) == "bad_config"


@pytest.mark.parametrize(
    "pattern", [r".*\.(q_proj|v_proj)", r"model\.layers\.\d+\.self_attn\.(q|v)_proj$", ".*(q|v)_proj"]
)
def test_harmless_patterns_are_accepted_and_resolved_from_the_tensors(tmp_path, pattern):
    info = inspect_adapter(write_adapter(tmp_path, target_modules=pattern))
    assert info.config.target_modules == ("q_proj", "v_proj")


@pytest.mark.parametrize("init", ["pissa", "pissa_niter_4", "olora", "corda", "loftq"])
def test_adapters_that_changed_the_base_are_not_composable(tmp_path, init):
    info = inspect_adapter(write_adapter(tmp_path, init_lora_weights=init))
    assert not info.composable
    assert "base model's own weights" in info.reason


def entry(**changes: object) -> dict[str, dict[str, object]]:
    header = header_of(tensors())
    header[A0] = {**header[A0], **changes}
    return header


def renamed(name: str) -> dict[str, dict[str, object]]:
    return {name if key == A0 else key: value for key, value in header_of(tensors()).items()}


def many(count: int) -> bytes:
    header = {
        f"t{i}": {"dtype": "F32", "shape": [1], "data_offsets": [4 * i, 4 * i + 4]} for i in range(count)
    }
    return pack(header, bytes(4 * count))


WEIGHTS = {
    "empty": (b"", "bad_layout"),
    "seven bytes": (b"1234567", "bad_layout"),
    "no header": (bytes(8), "bad_layout"),
    "header longer than file": (struct.pack("<Q", 1000) + b"{}", "bad_layout"),
    "header of 2**63": (struct.pack("<Q", 2**63) + b"{}", "header_too_large"),
    "header over 4 MiB": (struct.pack("<Q", 4 * 2**20 + 1) + b"{" + b" " * 4 * 2**20, "header_too_large"),
    "header is a list": (pack(b"[1,2]", b""), "bad_layout"),
    "header is not JSON": (pack(b"{nope}", b""), "bad_json"),
    "header is not UTF-8": (pack(b'{"\xff": 1}', b""), "bad_json"),
    "header has NaN": (pack(b'{"a": NaN}', b""), "bad_json"),
    "header nested": (pack(b'{"a":' + b"[" * 10_000 + b"]" * 10_000 + b"}", b""), "bad_json"),
    "metadata is a list": (pack({"__metadata__": [], **entry()}, DATA), "bad_layout"),
    "metadata of numbers": (pack({"__metadata__": {"a": 1}, **entry()}, DATA), "bad_layout"),
    "no tensors": (pack({}, b""), "bad_layout"),
    "pickle": (b"\x80\x04\x95\x00\x01\x00\x00\x00cos\nsystem\n", "pickle_not_allowed"),
    "pickle protocol 2": (b"\x80\x02}q\x00X\x05\x00\x00", "pickle_not_allowed"),
    "zip of torch.save": (b"PK\x03\x04" + bytes(60), "pickle_not_allowed"),
    "LFS pointer": (
        b"version https://git-lfs.github.com/spec/v1\noid sha256:00\nsize 3\n",
        "file_not_allowed",
    ),
    "20,001 tensors": (many(20_001), "too_many_tensors"),
    "a million objects": (pack(b'{"a":[' + b"{}," * 1_000_000 + b"{}]}", b""), "too_many_tensors"),
    "a million lists": (pack(b'{"a":[' + b"[]," * 1_000_000 + b"[]]}", b""), "too_many_tensors"),
    "a million numbers": (pack(b'{"a":[' + b"1," * 1_000_000 + b"1]}", b""), "too_many_tensors"),
    "name with ../": (pack(renamed("../../x.lora_A.weight"), DATA), "bad_tensor_name"),
    "name with NUL": (pack(renamed("a\0b"), DATA), "bad_json"),
    "name with half a surrogate": (pack(renamed("a\ud800b"), DATA), "bad_json"),
    "name with umlaut": (pack(renamed("ä"), DATA), "bad_tensor_name"),
    "empty name": (pack(renamed(""), DATA), "bad_tensor_name"),
    "long name": (pack(renamed("a" * 513), DATA), "bad_tensor_name"),
    "name of 1 MB": (pack(renamed("a" * 2**20), DATA), "bad_tensor_name"),
    "name that is no LoRA tensor": (pack(renamed("base_model.model.x.weird"), DATA), "bad_tensor_name"),
    "name without the prefix": (pack(renamed("x.lora_A.weight"), DATA), "bad_tensor_name"),
    "name with the adapter's name": (
        pack(renamed(A0.replace(".weight", ".default.weight")), DATA),
        "bad_tensor_name",
    ),
    "duplicate key": (
        pack(json.dumps(entry()).encode()[:-1] + b',"%s":{}}' % A0.encode(), DATA),
        "duplicate_key",
    ),
    "dtype F64": (pack(entry(dtype="F64"), DATA), "bad_dtype"),
    "dtype I8": (pack(entry(dtype="I8"), DATA), "bad_dtype"),
    "dtype 7": (pack(entry(dtype=7), DATA), "bad_dtype"),
    "dtype unhashable": (pack(entry(dtype={}), DATA), "bad_dtype"),
    "5 dims": (pack(entry(shape=[4, 8, 1, 1, 1]), DATA), "bad_layout"),
    "10,000 dims": (pack(entry(shape=[1] * 10_000), DATA), "bad_layout"),
    "0 dims": (pack(entry(shape=[]), DATA), "bad_layout"),
    "dim 0": (pack(entry(shape=[0, 8], data_offsets=[0, 0]), DATA), "bad_layout"),
    "negative dims": (pack(entry(shape=[-4, -8]), DATA), "bad_layout"),
    "dim too large": (pack(entry(shape=[2**70, 8]), DATA), "bad_layout"),
    "dim is a fraction": (pack(entry(shape=[4.0, 8]), DATA), "bad_layout"),
    "dim is true": (pack(entry(shape=[True, 32]), DATA), "bad_layout"),
    "shape of other size": (pack(entry(shape=[4, 9]), DATA), "bad_layout"),
    "offsets reversed": (pack(entry(data_offsets=[128, 0]), DATA), "bad_layout"),
    "offsets negative": (pack(entry(data_offsets=[-128, 0]), DATA), "bad_layout"),
    "one offset": (pack(entry(data_offsets=[0]), DATA), "bad_layout"),
    "offsets as text": (pack(entry(data_offsets="ab"), DATA), "bad_layout"),
    "entry is a number": (pack({**entry(), A0: 3}, DATA), "bad_layout"),
    "entry without dtype": (
        pack({**entry(), A0: {"shape": [1], "data_offsets": [0, 4]}}, DATA),
        "bad_layout",
    ),
    "entry with one key more": (pack(entry(evil=1), DATA), "bad_layout"),
    "overlap": (
        pack({**entry(), "b": {"dtype": "F32", "shape": [4, 8], "data_offsets": [0, 128]}}, DATA),
        "bad_layout",
    ),
    "hole": (pack({"a": {"dtype": "F32", "shape": [1], "data_offsets": [4, 8]}}, bytes(8)), "bad_layout"),
    "trailing bytes": (pack(entry(), DATA + b"\0"), "bad_layout"),
    "truncated": (pack(entry(), DATA[:-1]), "bad_layout"),
    "lora_A without lora_B": (safetensors_bytes({A0: tensors()[A0]}), "bad_layout"),
    "factors that do not multiply": (
        safetensors_bytes({**tensors(), A0: np.zeros((3, 8), dtype="<f4")}),
        "bad_layout",
    ),
    "rank other than r": (safetensors_bytes(tensors(rank=3)), "bad_config"),
    "one dimension": (safetensors_bytes({**tensors(), A0: np.zeros(32, dtype="<f4")}), "bad_layout"),
}


@pytest.mark.parametrize("name", WEIGHTS)
def test_weights(tmp_path, name):
    weights, code = WEIGHTS[name]
    assert code_of(write_adapter(tmp_path, weights=weights)) == code


@pytest.mark.parametrize(
    ("dtype", "bits"),
    [
        ("F32", struct.pack("<f", float("nan"))),
        ("F32", struct.pack("<f", float("inf"))),
        ("F32", struct.pack("<f", float("-inf"))),
        ("F16", struct.pack("<e", float("nan"))),
        ("F16", struct.pack("<e", float("-inf"))),
        ("BF16", b"\xc0\x7f"),
        ("BF16", b"\x80\xff"),
    ],
)
def test_values_that_are_not_finite_are_named(tmp_path, dtype, bits):
    arrays = {name: np.zeros(array.shape, dtype=f"V{len(bits)}") for name, array in tensors().items()}
    weights = bytearray(safetensors_bytes(arrays, dtype))
    third = len(weights) - sum(array.nbytes for array in list(arrays.values())[2:])
    weights[third : third + len(bits)] = bits

    with pytest.raises(AdapterError, match=f"{LAYERS[1]}.lora_A") as error:
        inspect_adapter(write_adapter(tmp_path, weights=bytes(weights)))
    assert error.value.code == "not_finite"


def test_largest_finite_values_are_accepted(tmp_path):
    arrays = {
        name: np.full(array.shape, np.finfo("<f4").max, dtype="<f4") for name, array in tensors().items()
    }
    inspect_adapter(write_adapter(tmp_path, weights=safetensors_bytes(arrays)))


def test_a_value_in_a_later_chunk_is_found(tmp_path):
    name = f"base_model.model.{LAYERS[0]}.lora_"
    arrays = {
        f"{name}A.weight": np.zeros((4, 2**20), dtype="<f4"),
        f"{name}B.weight": np.zeros((2**20, 4), dtype="<f4"),
    }
    arrays[f"{name}B.weight"][-1, -1] = np.inf
    with pytest.raises(AdapterError, match="lora_B") as error:
        inspect_adapter(write_adapter(tmp_path, weights=safetensors_bytes(arrays)))
    assert error.value.code == "not_finite"


@pytest.mark.parametrize("missing", ["adapter_config.json", "adapter_model.safetensors"])
def test_missing_file(tmp_path, missing):
    (write_adapter(tmp_path) / missing).unlink()
    assert code_of(tmp_path) == "missing_file"


def test_weights_saved_as_a_pickle(tmp_path):
    (write_adapter(tmp_path) / "adapter_model.safetensors").rename(tmp_path / "adapter_model.bin")
    assert code_of(tmp_path) == "pickle_not_allowed"


def test_symbolic_link(tmp_path):
    target = write_adapter(tmp_path / "a") / "adapter_config.json"
    link = write_adapter(tmp_path / "b") / "adapter_config.json"
    link.unlink()
    link.symlink_to(target)
    assert code_of(tmp_path / "b") == "bad_path"


@pytest.mark.parametrize(
    ("name", "code"),
    [
        ("../adapter_config.json", "bad_path"),
        ("/etc/passwd.txt", "bad_path"),
        ("a/../b.txt", "bad_path"),
        ("a//b.txt", "bad_path"),
        ("a\\b.txt", "bad_path"),
        ("a\0.txt", "bad_path"),
        ("a\n.txt", "bad_path"),
        ("C:x.txt", "bad_path"),
        (".env", "bad_path"),
        ("", "bad_path"),
        ("a" * 200 + ".txt", "bad_path"),
        ("a/b/c/d/e.txt", "bad_path"),
        ("README.mԁ", "bad_path"),
        ("adapter_model.bin", "pickle_not_allowed"),
        ("training_args.bin", "pickle_not_allowed"),
        ("optimizer.PT", "pickle_not_allowed"),
        ("x.pkl", "pickle_not_allowed"),
        ("adapter.zip", "file_not_allowed"),
        ("run.py", "file_not_allowed"),
        ("setup.sh", "file_not_allowed"),
        ("page.html", "file_not_allowed"),
        ("model.safetensors", "file_not_allowed"),
        ("model-00001-of-00002.safetensors", "file_not_allowed"),
        ("model.gguf", "file_not_allowed"),
        ("checkpoint.tar.gz", "file_not_allowed"),
    ],
)
def test_file_names(name, code):
    with pytest.raises(AdapterError) as error:
        check_file_name(name)
    assert error.value.code == code


@pytest.mark.parametrize(
    "name", ["README.md", "adapter_config.json", "adapter_model.safetensors", "LICENSE", "img/curve.png"]
)
def test_usual_file_names(name):
    check_file_name(name)


@pytest.mark.parametrize("name", [key for key, (weights, _) in WEIGHTS.items() if len(weights) > 2**20])
def test_large_headers_cost_little(tmp_path, name):
    folder = write_adapter(tmp_path, weights=WEIGHTS[name][0])
    tracemalloc.start()
    started = time.perf_counter()
    code_of(folder)
    seconds, (_, peak) = time.perf_counter() - started, tracemalloc.get_traced_memory()
    tracemalloc.stop()
    assert peak < 64 * 2**20
    assert seconds < 1  # measured without tracing: below 50 ms; a loaded machine gets room


def test_config_is_the_one_used_everywhere(tmp_path):
    assert inspect_adapter(write_adapter(tmp_path)).config.base_model == CONFIG["base_model_name_or_path"]
