"""LoHa, LoKr, DoRA, PiSSA and OLoRA as factors. Oracle: PEFT 0.21.2's own model and merged weights on the same folders."""

import warnings
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

import pytest
import torch
from peft import LoraConfig, PeftModel, get_peft_model

from composer.adapters import Adapter, load_adapter, save_adapter
from composer.base_model import BaseModel
from composer.conversions import loha, lokr, truncate
from composer.errors import AdapterError
from composer.evaluator import Evaluator
from composer.methods import combine_deltas, compress
from tests import tiny
from tests.composer.test_adapters import logits, our_logits, peft_logits
from tests.composer.test_methods import refactored

TOLERANCE = 1e-5

# kind of model, PEFT type and config; PEFT's LoHa and LoKr adapt no Conv1D, so GPT-2 has only its head
CASES: list[tuple[str, dict[str, Any]]] = [
    ("llama", {"peft_type": "LOHA", "r": 2, "alpha": 6}),
    ("llama", {"peft_type": "LOHA", "r": 8, "alpha": 4, "size": 0.2}),  # r^2 over the layer's size
    ("llama", {"peft_type": "LOHA", "r": 3, "rank_pattern": {"v_proj": 2}, "alpha_pattern": {"q_proj": 5}}),
    ("t5", {"peft_type": "LOHA", "r": 2}),
    ("mamba", {"peft_type": "LOHA", "r": 2}),
    ("llama", {"peft_type": "LOKR", "r": 2, "alpha": 6}),
    ("llama", {"peft_type": "LOKR", "r": 8}),  # both factors whole
    ("llama", {"peft_type": "LOKR", "r": 1, "decompose_both": True, "decompose_factor": 4}),
    ("t5", {"peft_type": "LOKR", "r": 2, "rank_pattern": {"v": 1}, "alpha_pattern": {"v": 3}}),
    ("mamba", {"peft_type": "LOKR", "r": 2, "targets": ("in_proj", "out_proj")}),
    ("gpt2", {"peft_type": "LOKR", "r": 2, "targets": ("lm_head",)}),
    ("llama", {"use_dora": True, "seed": 3}),
    ("llama", {"use_dora": True, "use_rslora": True, "r": 3, "alpha": 5}),
    ("llama", {"use_dora": True, "rank_pattern": {"v_proj": 2}, "alpha_pattern": {"v_proj": 9}}),
    ("gpt2", {"use_dora": True, "seed": 4}),
    ("t5", {"use_dora": True, "seed": 5}),
    ("mamba", {"use_dora": True, "seed": 6}),
    ("neox", {"use_dora": True, "seed": 7}),
]
NAMES = [f"{kind} {' '.join(map(str, config.values()))}" for kind, config in CASES]

pytestmark = pytest.mark.filterwarnings("ignore:.*tie_word_embeddings.*:UserWarning")


def peft_deltas(base: Path, folder: Path, layers: Sequence[str]) -> dict[str, torch.Tensor]:
    """merged - base of each layer, [d_out, d_in]."""
    plain = tiny.load_model(base)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        merged = PeftModel.from_pretrained(tiny.load_model(base), folder).merge_and_unload()
    found = {}
    for layer in layers:
        module = plain.get_submodule(layer)
        delta = merged.get_submodule(layer).weight.detach() - module.weight.detach()
        found[layer] = delta if isinstance(module, torch.nn.Linear) else delta.T
    return found


@pytest.mark.parametrize(("kind", "config"), CASES, ids=NAMES)
def test_a_converted_adapter_is_what_peft_computes(
    kind: str,
    config: dict[str, Any],
    tiny_folder: Callable[[str], Path],
    tiny_base: Callable[[str], BaseModel],
    tiny_module: Callable[..., Path],
) -> None:
    folder = tiny_module(kind, **config)
    adapter = load_adapter(folder, base=tiny_base(kind))
    assert adapter.conversion_error <= 1e-6
    deltas = peft_deltas(tiny_folder(kind), folder, list(adapter.factors))
    for layer, f in adapter.factors.items():
        assert deltas[layer].abs().max() > 0.01
        torch.testing.assert_close(f.dense(), deltas[layer], atol=TOLERANCE, rtol=0)
    ours = our_logits(tiny_base(kind), adapter, kind)
    torch.testing.assert_close(ours, peft_logits(tiny_folder(kind), folder, kind), atol=TOLERANCE, rtol=0)


@pytest.mark.parametrize(
    ("config", "rank"),
    [({"peft_type": "LOHA", "r": 2}, 4), ({"peft_type": "LOKR", "r": 1, "decompose_both": True}, 1)],
    ids=["LoHa: r squared", "LoKr: product of the ranks"],
)
def test_the_rank_is_the_one_that_the_update_has(
    config: dict[str, Any], rank: int, tiny_module: Callable[..., Path]
) -> None:
    assert load_adapter(tiny_module("llama", **config)).rank == rank


@pytest.mark.parametrize("config", [{"peft_type": "LOHA"}, {"peft_type": "LOKR"}, {"use_dora": True}])
def test_a_smaller_rank_reports_its_error(
    config: dict[str, Any], tiny_base: Callable[[str], BaseModel], tiny_module: Callable[..., Path]
) -> None:
    folder = tiny_module("llama", targets=("q_proj",), **config)
    exact = load_adapter(folder, base=tiny_base("llama"))
    small = load_adapter(folder, base=tiny_base("llama"), max_rank=1)
    assert small.rank == 1
    errors = [
        float((f.dense() - exact.factors[layer].dense()).norm() / exact.factors[layer].dense().norm())
        for layer, f in small.factors.items()
    ]
    assert small.conversion_error == pytest.approx(max(errors), abs=1e-4)
    assert small.conversion_error > 0.1


@pytest.mark.parametrize("init", ["pissa", "olora"])
def test_pissa_and_olora_need_their_initial_factors(
    init: str, tiny_folder: Callable[[str], Path], tiny_base: Callable[[str], BaseModel], tmp_path: Path
) -> None:
    with warnings.catch_warnings(), torch.random.fork_rng():
        warnings.simplefilter("ignore")
        torch.manual_seed(0)
        model = get_peft_model(
            tiny.load_model(tiny_folder("llama")),
            LoraConfig(
                r=4,
                lora_alpha=6,
                target_modules=["q_proj", "v_proj"],
                init_lora_weights=init,
                task_type="CAUSAL_LM",
            ),
        )
        model.save_pretrained(tmp_path / "initial", save_embedding_layers=False)
        for name, parameter in model.named_parameters():  # what training would do
            if "lora_" in name:
                parameter.data += 0.1 * torch.randn_like(parameter)
        model.save_pretrained(tmp_path / "trained", save_embedding_layers=False)
        trained = logits(model.eval(), "llama")
    with pytest.raises(AdapterError, match=rf"{init}.*only with its initial factors"):
        load_adapter(tmp_path / "trained")
    adapter = load_adapter(tmp_path / "trained", initial=tmp_path / "initial")
    torch.testing.assert_close(
        our_logits(tiny_base("llama"), adapter, "llama"), trained, atol=TOLERANCE, rtol=0
    )


def test_initial_factors_of_another_adapter_are_refused(
    tiny_folder: Callable[[str], Path], tiny_module: Callable[..., Path], tmp_path: Path
) -> None:
    folder = tiny.save_lora(tiny_folder("llama"), tmp_path / "pissa", init_lora_weights="pissa")
    with pytest.raises(AdapterError, match="does not hold the initial factors"):
        load_adapter(folder, initial=tiny_module("llama", r=2))


def test_a_dora_adapter_of_another_base_is_refused(
    tiny_base: Callable[[str], BaseModel], tiny_module: Callable[..., Path]
) -> None:
    with pytest.raises(AdapterError, match="not a layer of it") as error:
        load_adapter(tiny_module("llama", use_dora=True), base=tiny_base("t5"))
    assert error.value.code == "does_not_fit_base"


# Each accepted type with the others, in one composition
MIXTURES: dict[str, list[dict[str, Any]]] = {
    "llama": [
        {"r": 4, "alpha": 8, "seed": 1},
        {"r": 3, "alpha": 5, "seed": 3, "use_rslora": True},
        {"r": 4, "seed": 2, "rank_pattern": {"v_proj": 2}, "alpha_pattern": {"q_proj": 3}},
        {"peft_type": "LOHA", "r": 2, "alpha": 6},
        {"peft_type": "LOKR", "r": 2, "alpha": 6},
        {"use_dora": True, "seed": 3},
        {"r": 2, "targets": ("down_proj", "gate_proj"), "seed": 9},
    ],
    "gpt2": [
        {"r": 4, "alpha": 8, "seed": 1},
        {"use_dora": True, "seed": 4},
        {"peft_type": "LOKR", "r": 2, "targets": ("lm_head",)},
        {"r": 2, "use_rslora": True, "targets": ("c_fc",)},
    ],
    "t5": [
        {"peft_type": "LOHA", "r": 2},
        {"peft_type": "LOKR", "r": 2},
        {"use_dora": True, "seed": 5},
        {"r": 4},
    ],
    "mamba": [{"peft_type": "LOHA", "r": 2}, {"use_dora": True, "seed": 6}, {"r": 3, "use_rslora": True}],
}
WEIGHTS = [0.7, -0.4, 1.1, 0.5, -0.9, 0.6, 1.3]


@pytest.fixture(params=list(MIXTURES))
def mixture(
    request: pytest.FixtureRequest,
    tiny_base: Callable[[str], BaseModel],
    tiny_module: Callable[..., Path],
) -> tuple[str, list[Path], list[Adapter]]:
    kind = request.param
    folders = [tiny_module(kind, **config) for config in MIXTURES[kind]]
    return kind, folders, [load_adapter(folder, base=tiny_base(kind)) for folder in folders]


def dense_logits(kind: str, base: Path, folders: Sequence[Path], weights: Sequence[float]) -> torch.Tensor:
    """Of the base model plus the explicit sum of w times PEFT's own (merged - base), matrix by matrix."""
    model = tiny.load_model(base)
    for folder, weight in zip(folders, weights, strict=True):
        layers = list(load_layers(folder))
        for layer, delta in peft_deltas(base, folder, layers).items():
            module = model.get_submodule(layer)
            update = weight * (delta if isinstance(module, torch.nn.Linear) else delta.T)
            # A new tensor: a tied head must not change the embeddings.
            module.weight = torch.nn.Parameter(module.weight.detach() + update, requires_grad=False)
    return logits(model, kind)


def load_layers(folder: Path) -> Sequence[str]:
    from composer.adapter_files import inspect_adapter

    return list(inspect_adapter(folder).layers)


def test_a_mixed_composition_is_the_explicit_dense_sum(
    mixture: tuple[str, list[Path], list[Adapter]],
    tiny_folder: Callable[[str], Path],
    tiny_base: Callable[[str], BaseModel],
) -> None:
    kind, folders, adapters = mixture
    weights = WEIGHTS[: len(adapters)]
    expected = dense_logits(kind, tiny_folder(kind), folders, weights)
    combined = combine_deltas(adapters, weights)
    torch.testing.assert_close(
        our_logits(tiny_base(kind), combined, kind), expected, atol=TOLERANCE, rtol=1e-6
    )
    evaluator = Evaluator(tiny_base(kind), adapters)
    with torch.inference_mode(), evaluator.gates.rows(torch.tensor([weights])):
        gated = logits(tiny_base(kind).model, kind)
    torch.testing.assert_close(gated, expected, atol=TOLERANCE, rtol=1e-6)


def test_a_mixed_composition_does_not_depend_on_the_factors(
    mixture: tuple[str, list[Path], list[Adapter]], tiny_base: Callable[[str], BaseModel]
) -> None:
    kind, _, adapters = mixture
    weights = WEIGHTS[: len(adapters)]
    one = combine_deltas(adapters, weights)
    other = combine_deltas([refactored(a) for a in adapters], weights)
    torch.testing.assert_close(
        our_logits(tiny_base(kind), other, kind),
        our_logits(tiny_base(kind), one, kind),
        atol=TOLERANCE,
        rtol=1e-6,
    )


def test_a_mixed_composition_is_stored_whole_at_its_full_rank(
    mixture: tuple[str, list[Path], list[Adapter]],
    tiny_folder: Callable[[str], Path],
    tiny_base: Callable[[str], BaseModel],
    tmp_path: Path,
) -> None:
    kind, _, adapters = mixture
    exact = combine_deltas(adapters, WEIGHTS[: len(adapters)])
    full, error = compress(exact, exact.rank)
    assert error <= 1e-6
    task = "SEQ_2_SEQ_LM" if kind == "t5" else "CAUSAL_LM"
    save_adapter(full, tmp_path, task_type=task, dtype=torch.float32)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        theirs = peft_logits(tiny_folder(kind), tmp_path, kind)
    torch.testing.assert_close(our_logits(tiny_base(kind), exact, kind), theirs, atol=TOLERANCE, rtol=1e-6)


def test_a_zero_update_has_rank_one_and_no_error() -> None:
    zero = torch.zeros(4, 2)
    parts = {"hada_w1_a": zero, "hada_w1_b": zero.T, "hada_w2_a": zero, "hada_w2_b": zero.T}
    a, b, error = loha(parts)
    assert (a.shape, b.shape, error) == ((1, 4), (4, 1), 0.0)
    assert not (b @ a).any()


def test_a_layer_that_would_not_fit_in_memory_is_refused() -> None:
    huge = {"lokr_w1": torch.eye(150), "lokr_w2": torch.eye(150)}
    with pytest.raises(AdapterError, match="too large") as error:
        lokr(huge)
    assert error.value.code == "too_large"
    a, b, cut = lokr(huge, max_rank=2)
    assert (a.shape, b.shape) == ((2, 150**2), (150**2, 2))
    assert cut == pytest.approx((1 - 2 / 150**2) ** 0.5)


def test_the_tail_that_is_cut_stays_below_the_tolerance() -> None:
    u, v = torch.eye(6, dtype=torch.float64), torch.eye(6, dtype=torch.float64)
    s = torch.tensor([1.0, 0.5, 1e-3, 1e-5, 5e-7, 1e-9], dtype=torch.float64)
    a, _, error = truncate((u, s, v))
    assert a.shape[0] == 4
    assert error < 1e-6
