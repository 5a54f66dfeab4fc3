"""One job from queue to published module, on a tiny real model; nothing of it is replaced."""

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from django.db import connection

from composer.examples import Example
from composer.prompts import PromptFormat
from hub.jobs import publish, runner
from hub.jobs.models import Job
from hub.registry.models import Module
from tests.hub.jobs.conftest import HOLDOUT


def run(job: Job) -> Job:
    runner.run_job(job.pk)
    job.refresh_from_db()
    return job


@pytest.mark.django_db(transaction=True)
def test_a_job_becomes_a_module(submit: Callable[..., Job], alice: Any, charlie_client: Any) -> None:
    job = run(submit(name="mix", holdout=HOLDOUT))
    assert (job.status, job.error) == ("succeeded", "")
    assert job.finished_at is not None
    assert job.evaluations_done == 8
    module = Module.objects.get(namespace=alice.namespace)
    assert (module.name, module.license) == ("mix", "mit")
    assert job.output == module.head
    assert {arm["key"] for arm in job.result["arms"]} >= {"base", "best_single", "uniform", "composition"}
    assert job.result["held_out"] is True
    assert {arm["key"] for arm in job.result["arms"]} >= {"in_context", "placebo", "tuned_lora"}
    assert {part["name"] for part in job.result["contributions"]} == {
        row.revision.module.full_name for row in job.modules.all() if row.weight
    }
    weights = [row.weight for row in job.modules.order_by("position")]
    parents = {p.parent_id: p.weight for p in job.output.parents.all()}
    assert parents == {row.revision_id: row.weight for row in job.modules.all() if row.weight}
    assert module.summary.startswith(f"Composed of {len(parents)} module")
    assert job.result["recipe"]["modules"][0]["weight"] == weights[0]


def test_a_module_that_was_only_tried_leaves_no_licence(submit: Callable[..., Job]) -> None:
    job = submit()
    first, *_, last = (row.revision for row in job.modules.all())
    last.module.license = "gpl-3.0"
    assert publish._metadata(job, [first, last], PromptFormat()).license == "gpl-3.0"
    alone = publish._metadata(job, [first], PromptFormat())
    assert (alone.license, alone.summary) == ("mit", "Composed of 1 module for 5 examples")


@pytest.mark.django_db(transaction=True)
def test_the_module_is_a_plain_peft_adapter(submit: Callable[..., Job], tiny_base: Path) -> None:
    from peft import PeftModel

    from hub.registry.services import materialize
    from tests import tiny

    job = run(submit(name="mix"))
    folder = materialize(job.output)
    model = PeftModel.from_pretrained(tiny.load_model(tiny_base), folder)
    assert model.peft_config["default"].peft_type == "LORA"
    assert json.loads((folder / "recipe.json").read_text())["evaluations"] == 8
    card = (folder / "README.md").read_text()
    assert all(parent.parent.module.full_name in card for parent in job.output.parents.all())
    assert "word word" not in card  # no example is quoted


@pytest.mark.django_db(transaction=True)
def test_evaluations_are_measured_and_have_a_baseline(submit: Callable[..., Job]) -> None:
    job = run(submit(holdout=HOLDOUT))
    rows = {row.metric: row for row in job.output.evaluations.all()}
    arms = {arm["key"]: arm for arm in job.result["arms"]}
    assert rows["loss"].source == "measured"
    assert rows["loss"].value == arms["composition"]["loss"]
    assert rows["loss"].details["baseline"] == arms["base"]["loss"]
    assert rows["exact_match"].n == len(HOLDOUT)


@pytest.mark.django_db(transaction=True)
def test_without_held_out_rows_it_is_measured_by_leave_one_out(submit: Callable[..., Job]) -> None:
    from hub.registry.services import materialize

    job = run(submit(compare="basic"))
    assert [arm["key"] for arm in job.result["arms"]] == ["base", "best_single", "uniform", "composition"]
    assert job.result["measured_on"] == "leave_one_out"
    assert job.result["validation_evaluations"] > 0
    assert {row.name for row in job.output.evaluations.all()} == {"Leave-one-out over its examples"}
    card = (materialize(job.output) / "README.md").read_text()
    assert "each left out in turn" in card
    assert "tokens per prompt" in card


@pytest.mark.django_db(transaction=True)
def test_a_tuned_result_is_told_and_what_is_published_is_what_was_saved(submit: Callable[..., Job]) -> None:
    job = run(submit(holdout=HOLDOUT, compare="basic", tune_steps=3))
    arms = {arm["key"]: arm for arm in job.result["arms"]}
    tuning = job.result["tuning"]
    assert job.result["saved"] == ("tuned" if tuning["saved"] else "composition")
    assert job.result["recipe"]["settings"]["tune_steps"] == 3
    loss = job.output.evaluations.get(metric="loss")
    assert loss.value == arms[job.result["saved"]]["loss"]


@pytest.mark.django_db(transaction=True)
def test_worse_than_the_base_is_kept_private(submit: Callable[..., Job], charlie_client: Any) -> None:
    # Random modules fitted to five rows harm most other rows; the seeds are tried until one does.
    for seed in range(6):
        other = [Example(f"{seed}", text) for text in ("pq", "zz", "0", "no")]
        job = run(submit(name=f"mix{seed}", holdout=other, budget=6, seed=seed, bound=4, compare="basic"))
        arms = {arm["key"]: arm for arm in job.result["arms"]}
        harm = arms["composition"]["loss"] > arms["base"]["loss"]
        assert job.output.module.is_private is harm
        assert job.result["private_because"] == (["worse_than_base"] if harm else [])
        if harm:
            break
    assert harm
    assert charlie_client.get(f"/alice/mix{seed}").status_code == 404


@pytest.mark.django_db(transaction=True)
def test_the_hub_chooses(submit: Callable[..., Job]) -> None:
    job = run(submit(modules="auto"))
    assert job.status == "succeeded"
    assert job.modules.count() == 4


@pytest.mark.django_db(transaction=True)
def test_a_composition_with_a_private_module_is_private(
    submit: Callable[..., Job], bob: Any, private_module: str
) -> None:
    job = run(submit(owner=bob, modules=[private_module]))
    assert [p.parent.module.full_name for p in job.output.parents.all()] == [private_module]
    assert job.output.module.is_private
    assert "private_module" in job.result["private_because"]


@pytest.mark.django_db(transaction=True)
def test_the_users_fault_is_told(submit: Callable[..., Job]) -> None:
    job = run(submit(examples=[Example("word " * 400, "yes")]))  # the tiny model reads 512 bytes
    assert (job.status, job.error_code) == ("failed", "bad_examples")
    assert "512" in job.error
    assert not Module.objects.filter(namespace=job.namespace).exists()


@pytest.mark.django_db(transaction=True)
def test_our_fault_is_not_explained(submit: Callable[..., Job], base_model: Any, monkeypatch: Any) -> None:
    def broken(*args: Any, **kwargs: Any) -> None:
        raise ZeroDivisionError("secret detail")

    job = submit()
    monkeypatch.setattr("hub.jobs.runner.load_adapter", broken)
    run(job)
    assert (job.status, job.error_code) == ("failed", "internal_error")
    assert "secret" not in job.error


@pytest.mark.django_db(transaction=True)
def test_a_value_that_the_database_refuses_ends_the_job(
    submit: Callable[..., Job], monkeypatch: pytest.MonkeyPatch
) -> None:
    """It is no reason to try again: the same would be refused for ever."""

    def refused(lease: Any, **_: Any) -> None:
        with connection.cursor() as cursor:
            cursor.execute("SELECT '\"\\u0000\"'::jsonb")

    monkeypatch.setattr(runner, "publish_composition", refused)
    job = run(submit(holdout=HOLDOUT))
    assert (job.status, job.error_code) == ("failed", "internal_error")


@pytest.mark.django_db(transaction=True)
def test_an_answer_with_nul_is_kept_without_it(submit: Callable[..., Job], monkeypatch: Any) -> None:
    """A random model says such things; PostgreSQL's JSON has no word for them."""
    measured = runner.compose

    def says_nul(*args: Any, **more: Any) -> Any:
        composition = measured(*args, **more)
        composition.arms[0].answers[0]["answer"] = "a\x00b"
        return composition

    monkeypatch.setattr(runner, "compose", says_nul)
    job = run(submit(holdout=HOLDOUT))
    assert (job.status, job.error) == ("succeeded", "")
    assert job.result["arms"][0]["answers"][0]["answer"] == "a\N{REPLACEMENT CHARACTER}b"


@pytest.mark.django_db(transaction=True)
def test_a_damaged_file_is_found(submit: Callable[..., Job], settings: Any) -> None:
    job = submit()
    blob = job.modules.first().revision.files.get(path="adapter_model.safetensors").blob
    path = Path(settings.MEDIA_ROOT) / blob.storage_name
    path.chmod(0o644)
    data = bytearray(path.read_bytes())
    data[-1] ^= 1
    path.write_bytes(data)
    run(job)
    assert job.status == "failed"
    assert job.error_code == "file_corrupt"


@pytest.mark.django_db(transaction=True)
def test_the_same_message_many_times_makes_one_module(submit: Callable[..., Job], alice: Any) -> None:
    from concurrent.futures import ThreadPoolExecutor

    from django.db import connection

    job = submit()

    def deliver(_: int) -> None:
        try:
            runner.run_job(job.pk)
        finally:
            connection.close()

    with ThreadPoolExecutor(5) as pool:
        list(pool.map(deliver, range(20)))
    job.refresh_from_db()
    assert (job.status, job.attempts, job.lease_token) == ("succeeded", 1, 1)
    assert Module.objects.filter(namespace=alice.namespace).count() == 1


@pytest.mark.django_db(transaction=True)
def test_a_name_taken_meanwhile_gets_a_number(
    submit: Callable[..., Job], alice: Any, tiny_modules: Any
) -> None:
    from tests.hub.jobs.conftest import publish

    job = submit(name="mix")
    publish(alice, "mix", tiny_modules[0])
    run(job)
    assert job.output.module.name == f"mix-{job.pk}"


@pytest.mark.django_db(transaction=True)
def test_groups_of_layers_have_their_own_weights_on_the_page_and_in_the_recipe(
    submit: Callable[..., Job], alice_client: Any, alice_api: Any
) -> None:
    job = run(submit(holdout=HOLDOUT, budget=24, layer_groups=2, compare="basic"))
    assert (job.status, job.error) == ("succeeded", "")
    rows = job.result["recipe"]["modules"]
    assert all(len(row["layer_weights"]) == 2 for row in rows)
    assert any(row["layer_weights"][0] != row["layer_weights"][1] for row in rows)
    for row, recipe in zip(job.modules.order_by("position"), rows, strict=True):
        assert row.weight == pytest.approx(sum(recipe["layer_weights"]) / 2)
    said = alice_api.get(f"/api/v1/jobs/{job.pk}/").json()
    assert [w["layer_weights"] for w in said["weights"]] == [row["layer_weights"] for row in rows]
    tried = alice_api.get(f"/api/v1/jobs/{job.pk}/candidates/").json()["results"]
    assert {len(row["weights"]) for row in tried} == {2 * len(rows)}
    page = alice_client.get(job.get_absolute_url()).content.decode()
    assert "weights of its lower to upper layers" in page
