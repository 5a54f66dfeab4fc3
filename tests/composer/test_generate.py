import pytest
import torch

from composer.base_model import load_base_model
from composer.examples import Example
from composer.generate import answer_budget, evaluate_rows, greedy_answers, is_exact_match, row_losses
from composer.prompts import DEFAULT_TEMPLATE, encode_example, encode_prompt
from tests import tiny

ROWS = [Example(r["input"], r["output"]) for r in tiny.rows(7)]


@pytest.fixture(scope="module", params=list(tiny.SAVERS))
def base(request, tmp_path_factory):
    return load_base_model(
        tiny.SAVERS[request.param](tmp_path_factory.mktemp(request.param)), dtype="float32"
    )


def test_the_loss_is_the_mean_over_answer_tokens(base) -> None:
    row = encode_example(base.tokenizer, ROWS[2], DEFAULT_TEMPLATE, seq2seq=base.is_seq2seq, limit=512)
    with torch.no_grad():
        if base.is_seq2seq:
            logits = base.model(
                input_ids=torch.tensor([row.prompt]), labels=torch.tensor([row.answer])
            ).logits[0]
        else:
            logits = base.model(input_ids=torch.tensor([row.prompt + row.answer])).logits[0]
            logits = logits[len(row.prompt) - 1 : -1]
    expected = -torch.log_softmax(logits, dim=-1)[range(len(row.answer)), row.answer].mean().item()
    assert row_losses(base, [ROWS[2]], DEFAULT_TEMPLATE) == pytest.approx([expected], abs=1e-5)


def test_batches_do_not_change_the_losses(base) -> None:
    alone = row_losses(base, ROWS, DEFAULT_TEMPLATE, batch_rows=1)
    assert row_losses(base, ROWS, DEFAULT_TEMPLATE, batch_rows=4) == pytest.approx(alone, abs=2e-5)


def test_the_greedy_answer_is_the_argmax_of_every_step(base) -> None:
    prompts = [r.input for r in ROWS[:3]]
    answers = greedy_answers(base, prompts, DEFAULT_TEMPLATE, max_new_tokens=4, batch_rows=2)
    assert answers == [_argmax_steps(base, p, steps=4) for p in prompts]


def _argmax_steps(base, prompt: str, steps: int) -> str:
    tokens = encode_prompt(base.tokenizer, prompt)
    answer: list[int] = []
    for _ in range(steps):
        with torch.no_grad():
            if base.is_seq2seq:
                start = [base.model.config.decoder_start_token_id]
                logits = base.model(
                    input_ids=torch.tensor([tokens]), decoder_input_ids=torch.tensor([start + answer])
                ).logits
            else:
                logits = base.model(input_ids=torch.tensor([tokens + answer])).logits
        answer.append(int(logits[0, -1].argmax()))
        if answer[-1] == base.tokenizer.eos_token_id:
            break
    return base.tokenizer.decode(answer, skip_special_tokens=True).strip()


def test_an_evaluation_has_one_result_a_row(base) -> None:
    results = evaluate_rows(base, ROWS, DEFAULT_TEMPLATE, max_new_tokens=3)
    assert len(results.losses) == len(results.answers) == len(results.correct) == len(ROWS)
    assert results.loss == pytest.approx(sum(results.losses) / len(ROWS))
    assert results.exact_match == sum(results.correct) / len(ROWS)


@pytest.mark.parametrize(
    ("answer", "expected", "equal"),
    [
        ("Yes.", "yes", True),
        (" no ", "No", True),
        ("(A)", "(a)", True),
        ("yes no", "yes", False),
        ("", "no", False),
    ],
)
def test_exact_match_forgives_case_and_full_stop(answer: str, expected: str, equal: bool) -> None:
    assert is_exact_match(answer, expected) is equal


def test_the_answer_budget_follows_the_longest_answer(base) -> None:
    assert (
        answer_budget(base, [Example("x", "a"), Example("x", "abcdef")], maximum=32) == 10
    )  # 7 bytes and 3 more
    assert answer_budget(base, [Example("x", "abcdef")], maximum=4) == 4
