"""The compose form: every way to give examples and modules, and what is kept and named when something is wrong."""

from collections.abc import Callable
from typing import Any

import pytest
from django.core.files.uploadedfile import SimpleUploadedFile

from composer.prompts import FORMATS
from composer.settings import ARMS, GROUPS, METHODS, OBJECTIVES, OPTIMIZERS
from hub.jobs import choices
from hub.jobs.models import Job
from tests import tiny

URL = "/compose/"


@pytest.fixture
def fields(modules: list[str]) -> dict[str, Any]:
    return {
        "base_model": tiny.MODEL_ID,
        "examples_text": "cat => cats\ncity => cities",
        "choose": "picked",
        "modules": modules,
        "visibility": "public",
    }


def test_every_choice_of_the_composer_is_offered() -> None:
    assert tuple(choices.METHODS) == METHODS
    assert tuple(choices.OPTIMIZERS) == OPTIMIZERS
    assert tuple(choices.OBJECTIVES) == OBJECTIVES
    assert tuple(choices.PROMPT_FORMATS) == FORMATS
    assert set(choices.COMPARE) == set(ARMS)
    assert set(choices.LAYER_GROUPS) == {"0", "1", str(GROUPS)}


def test_weights_per_module_are_kept_and_sent(alice_client: Any, fields: Any) -> None:
    assert alice_client.post(URL, fields | {"layer_groups": "3"}).status_code == 302
    job = Job.objects.get()
    assert job.layer_groups == 3
    again = alice_client.get(f"{URL}?job={job.pk}").content.decode()
    assert '<option value="3" selected>Three each' in again
    refused = alice_client.post(URL, fields | {"layer_groups": "3", "method": "factors", "key": "other"})
    assert "needs the method deltas, not factors" in refused.content.decode()
    assert Job.objects.count() == 1


def test_shows_the_form(alice_client: Any, modules: list[str]) -> None:
    page = alice_client.get(URL).content.decode()
    assert all(name in page for name in modules)


def test_is_for_members_only(client: Any, db: None) -> None:
    answer = client.get(URL)
    assert answer.status_code == 302
    assert "/signin/" in answer["Location"]
    assert client.post(URL).status_code == 302


def test_submits(alice_client: Any, alice: Any, fields: Any) -> None:
    answer = alice_client.post(
        URL, fields | {"name": "mix", "instruction": "Say the plural.", "visibility": "private"}
    )
    job = Job.objects.get()
    assert answer["Location"] == f"/jobs/{job.pk}/"
    assert (job.owner, job.name, job.private, job.budget) == (alice, "mix", True, 40)
    assert job.examples == [{"input": "cat", "output": "cats"}, {"input": "city", "output": "cities"}]
    assert job.prompt_template == "Say the plural.\n\nQ: {input}\nA: {output}"
    assert [row.revision.module.full_name for row in job.modules.all()] == fields["modules"]


def test_text_file_and_rows_together(alice_client: Any, fields: Any) -> None:
    file = SimpleUploadedFile("more.csv", b"input,output\r\nbox,boxes\r\n")
    rows = {"row_input": ["dog", "", "bus"], "row_output": ["dogs", "", "buses"]}
    assert alice_client.post(URL, fields | {"examples_file": file} | rows).status_code == 302
    assert [row["input"] for row in Job.objects.get().examples] == ["cat", "city", "box", "dog", "bus"]


def test_choose_for_me_ignores_what_is_ticked(alice_client: Any, fields: Any) -> None:
    assert alice_client.post(URL, fields | {"choose": "auto"}).status_code == 302
    job = Job.objects.get()
    assert job.auto_select
    assert not job.modules.exists()


def test_a_double_click_is_one_job(alice_client: Any, fields: Any) -> None:
    first = alice_client.post(URL, fields | {"key": "abc"})
    second = alice_client.post(URL, fields | {"key": "abc"})
    changed = alice_client.post(URL, fields | {"key": "abc", "seed": "1"})
    assert first["Location"] == second["Location"] != changed["Location"]
    assert Job.objects.count() == 2


@pytest.mark.parametrize(
    ("changes", "said"),
    [
        ({"examples_text": ""}, "There are no examples yet"),
        ({"examples_text": "cat => cats\nno arrow"}, "Line 2 has no"),
        ({"examples_text": '{"input": "a"}'}, "Line 1 has no &quot;output&quot;"),
        ({"examples_text": "{{ 7|add:7 }} => {% now 'Y' %}\nx"}, "Line 1 is not valid JSON"),
        ({"row_input": ["x"], "row_output": [""]}, "Example 3 has no &quot;output&quot;"),
        ({"examples_text": "\n".join(["a => b"] * 65)}, "at most 64 are allowed"),
        ({"holdout_text": "x =>"}, "Line 1 has no &quot;output&quot;"),
        ({"modules": []}, "Pick at least one module"),
        ({"modules": ["bob/none"]}, "There is no module “bob/none”"),
        ({"budget": "0"}, "must be from 1 to 2000"),
        ({"budget": "9" * 5000}, "whole number"),
        ({"budget": "many"}, "whole number"),
        ({"penalty": "nan"}, "Enter a number"),
        ({"bound": "1e999"}, "Enter a number"),
        ({"seed": "-1"}, "must be from 0"),
        ({"method": "magic"}, "Select a valid choice"),
        ({"name": "a b"}, "Use 1 to 96 letters"),
        ({"prompt_template": "nothing"}, "must contain {input} once"),
        ({"base_model": "no/such"}, "Select a valid choice"),
        ({"instruction": "x" * 2001}, "at most 2000 characters"),
        ({"examples_text": "a\x00 => b"}, "Null characters are not allowed"),
    ],
)
def test_names_what_to_change_and_stores_nothing(
    alice_client: Any, fields: Any, changes: Any, said: str
) -> None:
    answer = alice_client.post(URL, fields | changes)
    page = answer.content.decode()
    assert answer.status_code == 400
    assert said in page
    assert not Job.objects.exists()


def test_what_was_typed_is_kept(alice_client: Any, fields: Any) -> None:
    typed = {
        "budget": "0",
        "instruction": "My <b>words</b>",
        "row_input": ["typed in"],
        "row_output": ["typed out"],
        "name": "kept",
        "examples_file": SimpleUploadedFile("more.jsonl", b'{"input": "from a file", "output": "read"}'),
    }
    page = alice_client.post(URL, fields | typed).content.decode()
    for text in ("My &lt;b&gt;words&lt;/b&gt;", "typed in", "typed out", "kept", "from a file =&gt; read"):
        assert text in page
    assert page.count("checked") >= 4 + 2


@pytest.mark.parametrize(
    ("content", "said"),
    [
        (b"\xff\xfe\x00", "is not UTF-8 text"),
        (b"a => b\nc", "Line 2 has no"),
        (b"\x00" * 100, "Line 1 has no"),
        (b"", "is empty"),
    ],
)
def test_a_bad_file(alice_client: Any, fields: Any, content: bytes, said: str) -> None:
    answer = alice_client.post(URL, fields | {"examples_file": SimpleUploadedFile("x.txt", content)})
    assert answer.status_code == 400
    assert said in answer.content.decode()


def test_a_private_module_of_somebody_else_is_unknown(
    alice_client: Any, fields: Any, private_module: str
) -> None:
    assert private_module not in alice_client.get(URL).content.decode()
    page = alice_client.post(URL, fields | {"modules": [private_module]}).content.decode()
    assert "There is no module “bob/secret”" in page


def test_modules_of_the_address_are_ticked(alice_client: Any, modules: list[str]) -> None:
    page = alice_client.get(f"{URL}?module={modules[1]}").content.decode()
    assert f'value="{modules[1]}" checked' in page
    assert f'value="{modules[0]}" checked' not in page
    assert 'value="picked" checked' in page


def test_an_unknown_module_of_the_address_is_shown_not_a_crash(alice_client: Any, modules: list[str]) -> None:
    assert alice_client.get(f"{URL}?module=no/such&module=&module=%00").status_code == 200


@pytest.mark.parametrize("example", ["plurals", "opposites", "nonsense", ""])
def test_an_example_task_can_be_loaded(
    alice_client: Any, base_model: Any, modules: list[str], example: str
) -> None:
    page = alice_client.get(f"{URL}?example={example}").content.decode()
    assert "=&gt;" in page.split("id_examples_text")[2] or "=&gt;" in page


def test_run_again_with_changes(alice_client: Any, charlie_client: Any, submit: Callable[..., Job]) -> None:
    job = submit(budget=77, seed=5, prompt_template="Do it.\n\nQ: {input}\nA: {output}")
    page = alice_client.get(f"{URL}?job={job.pk}").content.decode()
    assert 'value="77"' in page
    assert "Do it." in page
    assert "word word" in page
    assert 'value="77"' not in charlie_client.get(f"{URL}?job={job.pk}").content.decode()
    assert alice_client.get(f"{URL}?job={'9' * 30}").status_code == 200


def test_rows_survive_a_round_trip(alice_client: Any, submit: Callable[..., Job]) -> None:
    from composer.examples import Example, parse_examples
    from hub.jobs.forms import rows_as_text

    rows = [{"input": "a\\nb => c", "output": "x"}, {"input": "two\nlines", "output": " spaced "}]
    assert parse_examples(rows_as_text(rows)) == [Example(**row) for row in rows]


def test_the_check_says_what_would_run(alice_client: Any, fields: Any) -> None:
    page = alice_client.post("/compose/check/", fields).content.decode()
    assert "Ready to run" in page
    assert not Job.objects.exists()


def test_the_check_names_problems(alice_client: Any, fields: Any) -> None:
    page = alice_client.post("/compose/check/", fields | {"examples_text": "no arrow"}).content.decode()
    assert "Line 1 has no" in page


def test_the_check_is_for_members_only(client: Any, db: None) -> None:
    assert client.post("/compose/check/").status_code == 302
    assert client.get("/compose/check/").status_code == 405
