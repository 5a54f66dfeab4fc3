"""Ordinary gradient training of a small LoRA on rows of one task.

The starter modules were made by it, and it is the arm "tuned on the same examples" that a composition is compared with.
"""

import math
import random
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from pathlib import Path

import torch
from peft import LoraConfig, get_peft_model
from safetensors.torch import load_file, save_file

from composer.base_model import BaseModel
from composer.errors import SettingsError
from composer.examples import Example
from composer.generate import batch_losses
from composer.prompts import DEFAULT_TEMPLATE, EncodedRow, PromptFormat, encode_examples

DEFAULT_TARGETS = {
    "causal": ("q_proj", "v_proj"),
    "seq2seq": ("q", "v"),
    "state-space": ("in_proj", "x_proj"),
}
POOL_BATCHES = 8  # rows are sorted by length within this many batches, so that little is padded


@dataclass(frozen=True, slots=True)
class TrainSettings:
    """steps of batch_rows rows each; learning_rate is the peak, after a tenth of the steps, falling to zero linearly."""

    rank: int = 8
    alpha: int = 16
    targets: tuple[str, ...] = ()
    steps: int = 100
    batch_rows: int = 8
    learning_rate: float = 2e-3
    seed: int = 0
    template: PromptFormat | str = DEFAULT_TEMPLATE

    def __post_init__(self) -> None:
        if (
            not 1 <= self.rank <= 512
            or self.steps < 1
            or self.batch_rows < 1
            or not 0 < self.learning_rate < 1
        ):
            raise SettingsError(
                "rank must be 1-512, steps and batch rows at least 1, the learning rate between 0 and 1"
            )
        PromptFormat.of(self.template).check()


@dataclass(slots=True)
class TrainReport:
    """losses: the training loss of every step, in nats per answer token."""

    steps: int
    seconds: float = 0.0
    losses: list[float] = field(default_factory=list)


def train_adapter(
    base: BaseModel,
    rows: Sequence[Example],
    folder: Path | str,
    settings: TrainSettings | None = None,
    *,
    on_step: Callable[[int, float], None] = lambda step, loss: None,
) -> TrainReport:
    """Train a LoRA on `rows` and write it as a bf16 PEFT folder. The base model is left as it was found.

    on_step(step, loss) is called after each step, from 1; it may raise SearchStopped.
    """
    settings = settings or TrainSettings()
    encoded = encode_examples(
        base.tokenizer, rows, settings.template, seq2seq=base.is_seq2seq, limit=base.context_length
    )
    torch.manual_seed(settings.seed)
    wrapped = get_peft_model(base.model, _config(base, settings))
    report = TrainReport(steps=settings.steps)
    try:
        wrapped.train()
        parameters = [p for p in wrapped.parameters() if p.requires_grad]
        optimizer = torch.optim.AdamW(parameters, lr=settings.learning_rate, weight_decay=0.0)
        schedule = torch.optim.lr_scheduler.LambdaLR(optimizer, lambda step: _rate(step, settings.steps))
        for step, batch in enumerate(_batches(encoded, settings), start=1):
            loss = batch_losses(base, batch).mean()
            loss.backward()
            torch.nn.utils.clip_grad_norm_(parameters, 1.0)
            optimizer.step()
            schedule.step()
            optimizer.zero_grad(set_to_none=True)
            report.losses.append(loss.item())
            on_step(step, loss.item())
        wrapped.peft_config["default"].base_model_name_or_path = base.model_id
        wrapped.save_pretrained(folder, save_embedding_layers=False)  # no look-up of the base on a hub
    finally:
        base.model = wrapped.unload()
        base.model.requires_grad_(False).eval()
    _store_as_bf16(Path(folder) / "adapter_model.safetensors")
    return report


def _config(base: BaseModel, settings: TrainSettings) -> LoraConfig:
    return LoraConfig(
        task_type="SEQ_2_SEQ_LM" if base.is_seq2seq else "CAUSAL_LM",
        r=settings.rank,
        lora_alpha=settings.alpha,
        lora_dropout=0.0,
        target_modules=list(settings.targets or DEFAULT_TARGETS[base.architecture]),
    )


def _rate(step: int, steps: int) -> float:
    warmup = max(1, steps // 10)
    return min((step + 1) / warmup, (steps - step) / max(1, steps - warmup))


def _batches(rows: list[EncodedRow], settings: TrainSettings) -> list[list[EncodedRow]]:
    """`steps` batches: whole epochs in a seeded order, rows of like length together, batches in a seeded order."""
    generator = random.Random(settings.seed)
    wanted = settings.steps * settings.batch_rows
    stream: list[EncodedRow] = []
    for _ in range(math.ceil(wanted / len(rows))):
        stream += generator.sample(rows, len(rows))
    batches: list[list[EncodedRow]] = []
    pool_rows = POOL_BATCHES * settings.batch_rows
    for start in range(0, wanted, pool_rows):
        pool = sorted(
            stream[start : min(start + pool_rows, wanted)], key=lambda r: len(r.prompt) + len(r.answer)
        )
        pooled = [pool[i : i + settings.batch_rows] for i in range(0, len(pool), settings.batch_rows)]
        generator.shuffle(pooled)
        batches += pooled
    return batches


def _store_as_bf16(path: Path) -> None:
    tensors = {name: t.to(torch.bfloat16).contiguous() for name, t in load_file(path).items()}
    save_file(tensors, path, metadata={"format": "pt"})
