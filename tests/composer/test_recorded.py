import json
from pathlib import Path
from typing import Any

import pytest

from composer.prompts import PromptFormat
from composer.recorded import recorded_prompt

PLURAL = "Give the plural.\n\nQ: {input}\nA: {output}"
CHAT = PromptFormat("{input} {output}", chat=True, system="Be brief.")


def write(folder: Path, **files: Any) -> Path:
    for name, value in files.items():
        path = folder / {"recipe": "recipe.json", "module": "module.json", "card": "README.md"}[name]
        path.write_text(value if isinstance(value, str) else json.dumps(value))
    return folder


def test_a_recipe_comes_before_the_module_and_the_card(tmp_path: Path) -> None:
    card = "# Hi\n\n```text\nOther {input} {output}\n```\n"
    write(tmp_path, card=card)
    assert recorded_prompt(tmp_path) == PromptFormat("Other {input} {output}")
    write(tmp_path, module={"prompt_template": PLURAL})
    assert recorded_prompt(tmp_path) == PromptFormat(PLURAL)
    write(
        tmp_path, recipe={"settings": {"template": "{input} {output}", "chat": True, "system": "Be brief."}}
    )
    assert recorded_prompt(tmp_path) == CHAT


def test_front_matter_comes_before_the_text_of_a_card(tmp_path: Path) -> None:
    words = f"---\nprompt_template: {json.dumps(PLURAL)}\nprompt_format: plain\n---\n```\n{{input}} {{output}}\n```\n"
    assert recorded_prompt(write(tmp_path, card=words)) == PromptFormat(PLURAL)


def test_a_module_in_chats_is_read_as_one(tmp_path: Path) -> None:
    words = {"prompt_template": "{input} {output}", "prompt_format": "chat", "system_prompt": "Be brief."}
    assert recorded_prompt(write(tmp_path, module=words)) == CHAT


@pytest.mark.parametrize(
    "files",
    [
        {},
        {"module": "{"},
        {"module": "[]"},
        {"module": {"prompt_template": "no places"}},
        {"module": {"prompt_template": 7}},
        {"recipe": {"settings": {"template": "auto"}}},
        {"recipe": {"settings": None}},
        {"card": "---\n: [\n---\nQ: {input}\nA: {output}"},
        {"card": "```\nonly {input}\n```"},
    ],
)
def test_what_is_malformed_is_passed_over(files: dict[str, Any], tmp_path: Path) -> None:
    assert recorded_prompt(write(tmp_path, **files)) is None


def test_every_starter_module_records_its_template() -> None:
    folders = sorted(Path("starter").glob("*/adapter_config.json"))
    assert folders
    for path in folders:
        prompt = recorded_prompt(path.parent)
        assert prompt is not None
        assert prompt.template.endswith("\n\nQ: {input}\nA: {output}")
