"""peft and transformers, as installed for the hub, with HF_ENDPOINT set to it."""

from collections.abc import Callable
from pathlib import Path
from typing import Any

from hub.registry.models import BaseModel, Module
from tests.tiny import save_llama


def test_push_and_pull_give_equal_logits(
    works: Callable[..., None], server: Any, alice: Any, token_of: Any, tmp_path: Path
) -> None:
    from composer.base_model import describe_base_model
    from hub.registry.services import register_base_model

    base = save_llama(tmp_path / "base")
    register_base_model(describe_base_model(base, model_id="tests/tiny-llama"), folder=str(base))
    works("here", "peft_story.py", token_of(alice), HF_HUB_OFFLINE="0")
    module = Module.objects.visible_to(alice).get()
    assert (module.full_name, module.head.composable, module.head.rank) == ("alice/pushed", True, 4)
    assert module.base_model == BaseModel.objects.get()
