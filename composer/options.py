"""Which of a row's given answers a model finds likeliest: knowledge, apart from the form of a free answer."""

from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

from composer.evaluator import Evaluator
from composer.examples import Example
from composer.generate import OptionChoice
from composer.prompts import EncodedRow


def rank_options(
    evaluator: Evaluator,
    weights: NDArray[np.float64],
    rows: Sequence[EncodedRow],
    examples: Sequence[Example],
) -> list[list[OptionChoice | None]]:
    """The likeliest option of each row under each weight vector, [candidates][rows]; None for rows without options.

    Every option is read as the row's answer, its end token included, so that "1" is not a part of "12". Two rules,
    both reported: the mean log-likelihood per token, which is the loss that the search minimises and does not favour
    short options (GPT-3, arXiv:2005.14165, section 2.4; T-Few, arXiv:2205.05638); and the plain sum (T0,
    arXiv:2110.08207). Of equally likely options the first counts. A model that overflows chooses nothing.

    weights: [candidates, n_modules]. rows: the examples, encoded.
    """
    asked = [index for index, row in enumerate(rows) if row.options]
    choices: list[list[OptionChoice | None]] = [[None] * len(rows) for _ in weights]
    if not asked:
        return choices
    written = [EncodedRow(rows[i].prompt, option) for i in asked for option in rows[i].options]
    lengths = np.array([len(row.answer) for row in written])
    means = evaluator.losses(weights, written)  # [candidates, all options]
    means = np.where(np.isfinite(means), means, np.inf)
    start = 0
    for index in asked:
        options = examples[index].options
        part = slice(start, start + len(options))
        start += len(options)
        for candidate, losses in enumerate(means[:, part]):
            finite = bool(np.isfinite(losses).any())
            choices[candidate][index] = OptionChoice(
                by_mean=options[int(losses.argmin())] if finite else "",
                by_sum=options[int((losses * lengths[part]).argmin())] if finite else "",
                expected=examples[index].output,
            )
    return choices
