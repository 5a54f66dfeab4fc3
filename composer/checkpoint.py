"""The record from which a search continues, bit for bit: what was asked and what came back, one generation each."""

import hashlib
from collections.abc import Sequence
from dataclasses import asdict, dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from composer.errors import SettingsError


@dataclass(frozen=True, slots=True)
class Generation:
    """One generation. candidates: [population][n_modules] weights, or [population][n_modules * groups],
    each module's groups of layers one behind the other; losses: nats per answer token; objectives: what the
    search minimised. Lists of plain numbers, so that JSON keeps them exactly; a loss that is not finite is None."""

    index: int
    candidates: list[list[float]]
    losses: list[float | None]
    objectives: list[float | None]
    candidates_hash: str

    @staticmethod
    def of(
        index: int,
        candidates: NDArray[np.float64],
        losses: NDArray[np.float64],
        objectives: NDArray[np.float64],
    ) -> "Generation":
        return Generation(
            index=index,
            candidates=candidates.tolist(),
            losses=_finite(losses),
            objectives=_finite(objectives),
            candidates_hash=candidates_hash(candidates),
        )

    def loss_array(self) -> NDArray[np.float64]:
        return np.array([np.inf if loss is None else loss for loss in self.losses])

    def to_json(self) -> dict[str, Any]:
        return asdict(self)

    @staticmethod
    def from_json(row: dict[str, Any]) -> "Generation":
        return Generation(**{name: row[name] for name in Generation.__dataclass_fields__})


def candidates_hash(candidates: NDArray[np.float64]) -> str:
    """sha256 (hex) of the candidates' bytes and shape."""
    array = np.ascontiguousarray(candidates, dtype="<f8")
    return hashlib.sha256(f"{array.shape}".encode() + array.tobytes()).hexdigest()


def stored_losses(
    history: Sequence[Generation], index: int, candidates: NDArray[np.float64]
) -> NDArray[np.float64]:
    """The losses of generation `index` of the record, [population].

    Raises SettingsError if the record is of another search: other modules, examples, settings or another version.
    """
    generation = history[index]
    if generation.index != index or generation.candidates_hash != candidates_hash(candidates):
        raise SettingsError(
            f"the stored generation {generation.index} is not what this search asked for: it belongs to other settings",
            code="other_search",
        )
    return generation.loss_array()


def _finite(values: NDArray[np.float64]) -> list[float | None]:
    return [float(v) if np.isfinite(v) else None for v in values]
