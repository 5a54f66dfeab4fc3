from typing import Any

from django import forms
from django.conf import settings

from hub.registry.forms import OwnerForm


class ImportForm(OwnerForm):
    """What to import, from where, and whose it becomes."""

    source = forms.CharField(
        label="Module or account",
        max_length=200,
        widget=forms.TextInput(
            attrs={"autocomplete": "off", "spellcheck": "false", "class": "mono", "placeholder": "lorahub/*"}
        ),
        help_text="owner/name for one module, owner/* for all adapters of an account.",
    )
    endpoint = forms.ChoiceField(label="From")
    revision = forms.CharField(
        required=False,
        max_length=120,
        help_text="Of a single module: a branch, tag or commit. Default: main.",
    )
    private = forms.BooleanField(
        required=False, label="Private: only you, or the members of the organisation, see them"
    )

    field_order = ["source", "endpoint", "owner", "revision"]

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        hosts = [(host, host) for host in settings.HUB_IMPORT_HOSTS]
        self.fields["endpoint"].choices = hosts  # type: ignore[attr-defined]
