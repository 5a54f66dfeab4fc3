"""Which of a row's given answers a model finds likeliest: knowledge, apart from the form of a free answer."""

from collections.abc import Sequence
from dataclasses import replace

import numpy as np
from numpy.typing import NDArray

from composer.evaluator import Evaluator
from composer.examples import Example
from composer.generate import OptionChoice
from composer.prompts import PromptFormat, encode_examples


def rank_options(
    evaluator: Evaluator,
    weights: NDArray[np.float64],
    examples: Sequence[Example],
    prompt: PromptFormat | str,
) -> list[list[OptionChoice | None]]:
    """The likeliest option of each row under each weight vector, [candidates][rows]; None for rows without options.

    Every option is read as the row's answer, its end token included, so that "1" is not a part of "12". Two rules,
    both reported: the mean log-likelihood per token, which is the loss that the search minimises and does not favour
    short options (GPT-3, arXiv:2005.14165, section 2.4; T-Few, arXiv:2205.05638); and the plain sum (T0,
    arXiv:2110.08207). Of equally likely options the first counts.

    weights: [candidates, n_modules].
    """
    base = evaluator.base
    rows = [index for index, example in enumerate(examples) if example.options]
    choices: list[list[OptionChoice | None]] = [[None] * len(examples) for _ in weights]
    if not rows:
        return choices
    written = [
        replace(examples[i], output=option, options=()) for i in rows for option in examples[i].options
    ]
    encoded = encode_examples(
        base.tokenizer, written, prompt, seq2seq=base.is_seq2seq, limit=base.context_length
    )
    lengths = np.array([len(row.answer) for row in encoded])
    means = evaluator.losses(weights, encoded)  # [candidates, all options]
    means = np.where(np.isfinite(means), means, np.inf)
    start = 0
    for index in rows:
        options = examples[index].options
        part = slice(start, start + len(options))
        start += len(options)
        for candidate, losses in enumerate(means[:, part]):
            finite = bool(np.isfinite(losses).any())  # a model that overflows chooses nothing
            choices[candidate][index] = OptionChoice(
                by_mean=options[int(losses.argmin())] if finite else "",
                by_sum=options[int((losses * lengths[part]).argmin())] if finite else "",
                expected=examples[index].output,
            )
    return choices
