"""Chats, recorded templates, answer options and objectives, from the form and the API to the published module."""

import json
import shutil
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from composer.examples import Example, with_options
from composer.prompts import PromptFormat
from composer.recorded import recorded_prompt
from hub.jobs import runner
from hub.jobs.models import Job
from hub.registry.models import BaseModel, Module
from hub.registry.services import materialize
from tests import tiny
from tests.hub.jobs.conftest import EXAMPLES, HOLDOUT

FORM, API = "/compose/", "/api/v1/jobs/"
CHAT_TEMPLATE = "{% for m in messages %}[{{ m.role }}]{{ m.content }}<unk>{% endfor %}[assistant]"
WORDS = ["yes", "no", "seven", "a b", "x"]


def run(job: Job) -> Job:
    runner.run_job(job.pk)
    job.refresh_from_db()
    assert (job.status, job.error) == ("succeeded", "")
    return job


@pytest.fixture
def fields(modules: list[str]) -> dict[str, Any]:
    return {
        "base_model": tiny.MODEL_ID,
        "examples_text": "fire => hot\nice => cold",
        "choose": "picked",
        "modules": modules,
        "visibility": "public",
    }


@pytest.fixture
def chatty(base_model: BaseModel, tmp_path: Path) -> BaseModel:
    """The base model with a chat template among its files."""
    folder = tmp_path / "chatty"
    shutil.copytree(base_model.folder, folder)
    (folder / "chat_template.jinja").write_text(CHAT_TEMPLATE)
    base_model.folder, base_model.fingerprint = str(folder), "chatty"  # not the one that is warm
    base_model.save()
    return base_model


def test_without_an_instruction_the_modules_templates_are_tried(alice_client: Any, fields: Any) -> None:
    assert alice_client.post(FORM, fields).status_code == 302
    job = Job.objects.get()
    assert (job.prompt_template, job.prompt_format, job.objective) == ("auto", "plain", "loss")


def test_options_typed_once_are_those_of_all_rows_and_come_back(alice_client: Any, fields: Any) -> None:
    more = {"options_text": "hot; cold", "objective": "option_accuracy", "holdout_text": "sun => hot"}
    assert alice_client.post(FORM, fields | more).status_code == 302
    job = Job.objects.get()
    assert job.objective == "option_accuracy"
    assert job.examples[0] == {"input": "fire", "output": "hot", "options": ["hot", "cold"]}
    assert job.holdout[0]["options"] == ["hot", "cold"]
    page = alice_client.get(f"{FORM}?job={job.pk}").content.decode()
    assert 'value="hot; cold"' in page
    assert "fire =&gt; hot\n" in page


def test_options_of_single_rows_come_back_in_their_lines(alice_client: Any, fields: Any) -> None:
    text = "fire => hot | options: hot; cold\nice => cold"
    assert alice_client.post(FORM, fields | {"examples_text": text}).status_code == 302
    page = alice_client.get(f"{FORM}?job={Job.objects.get().pk}").content.decode()
    assert "fire =&gt; hot | options: hot; cold\nice =&gt; cold" in page


@pytest.mark.parametrize(
    ("more", "said"),
    [
        ({"options_text": "[1"}, "not valid JSON"),
        ({"options_text": "hot; warm"}, "not one of its options"),
        ({"objective": "option_accuracy"}, "needs answer options for every example"),
        ({"prompt_format": "chat"}, "has no chat template: use the plain prompt format"),
        ({"system_prompt": "Be brief."}, "choose the chat format for it"),
        ({"method": "faithful", "objective": "exact_match"}, "minimises the published loss"),
    ],
)
def test_what_does_not_go_together_is_named(
    more: dict[str, str], said: str, alice_client: Any, fields: Any
) -> None:
    answer = alice_client.post(FORM, fields | more)
    assert answer.status_code == 400
    assert said in answer.content.decode()
    assert not Job.objects.exists()


def test_the_api_takes_and_gives_them(alice_api: Any, body: Any, chatty: BaseModel) -> None:
    rows = [{"input": "fire", "output": "hot", "options": ["hot", "cold"]}, {"input": "ice", "output": "no"}]
    more = {"prompt_format": "chat", "system_prompt": "Be brief.", "objective": "option_accuracy"}
    answer = alice_api.post(API, body | more | {"examples": rows, "options": ["yes", "no"]})
    assert answer.status_code == 201, answer.json()
    given = answer.json()
    assert given["examples"] == [rows[0], rows[1] | {"options": ["yes", "no"]}]
    assert {name: given[name] for name in more} == more


@pytest.mark.django_db(transaction=True)
def test_a_chat_with_options_becomes_a_module_that_says_how_to_ask(
    chatty: BaseModel, submit: Callable[..., Job], alice_client: Any
) -> None:
    job = run(
        submit(
            examples=with_options(EXAMPLES, WORDS),
            holdout=with_options(HOLDOUT, WORDS),
            prompt_format="chat",
            system_prompt="Be brief.",
            objective="option_accuracy",
            name="chatter",
        )
    )
    prompt = PromptFormat("{input} {output}", chat=True, system="Be brief.")
    arm = job.result["arms"][-1]
    assert (arm["option_n"], job.result["objective"]) == (len(HOLDOUT), "option_accuracy")
    assert 0 <= arm["option_low"] <= arm["option_accuracy"] <= arm["option_high"] <= 1
    assert {row.metric for row in job.output.evaluations.all()} == {"loss", "exact_match", "option_accuracy"}
    module = Module.objects.get(name="chatter")
    assert (module.prompt_format, module.system_prompt) == ("chat", "Be brief.")
    folder = materialize(job.output)
    assert recorded_prompt(folder) == prompt
    (folder / "recipe.json").unlink()
    assert recorded_prompt(folder) == prompt  # from the card
    card = (folder / "README.md").read_text()
    assert "tokenizer.apply_chat_template(" in card
    assert "apply_chat_template(" in alice_client.get(module.get_absolute_url()).content.decode()
    page = alice_client.get(job.get_absolute_url()).content.decode()
    assert "Choosing among the given options" in page
    assert json.dumps(job.result, allow_nan=False)


@pytest.mark.django_db(transaction=True)
def test_the_template_on_a_modules_page_is_tried_and_the_best_is_shown(
    submit: Callable[..., Job], alice_client: Any
) -> None:
    Module.objects.filter(name="m1").update(prompt_template="Q: {input}\nA: {output}")
    job = run(submit(prompt_template="auto", examples=[Example(f"Q: {i}", "x") for i in range(3)]))
    tried = [row["template"] for row in job.result["prompts_tried"]]
    assert sorted(tried) == ["Q: {input}\nA: {output}", "{input} {output}"]
    assert job.result["prompt"]["template"] == tried[0]
    assert Module.objects.get(namespace=job.namespace).prompt_template == tried[0]
    assert "own templates were tried" in alice_client.get(job.get_absolute_url()).content.decode()


@pytest.mark.django_db(transaction=True)
def test_the_published_code_runs_or_says_why_not(
    submit: Callable[..., Job], modules: list[str], alice_client: Any
) -> None:
    job = run(submit(method="faithful", modules=modules[:1]))
    assert (job.result["method"], job.result["optimizer"]) == ("faithful", "ngopt")
    mixed = submit(method="faithful")
    runner.run_job(mixed.pk)
    mixed.refresh_from_db()
    assert (mixed.status, mixed.error_code) == ("failed", "incompatible_adapters")
    assert "cannot be added to" in mixed.error
