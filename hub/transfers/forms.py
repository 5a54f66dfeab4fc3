from collections.abc import Sequence
from typing import Any

from django import forms
from django.conf import settings

from hub.accounts.models import Namespace


class ImportForm(forms.Form):
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
    owner = forms.ChoiceField(required=False, help_text="You, or an organisation that you publish in.")
    private = forms.BooleanField(
        required=False, label="Private: only you, or the members of the organisation, see them"
    )

    def __init__(self, *args: Any, namespaces: Sequence[Namespace], **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        hosts = [(host, host) for host in settings.HUB_IMPORT_HOSTS]
        self.fields["endpoint"].choices = hosts  # type: ignore[attr-defined]
        self.namespaces = {namespace.name: namespace for namespace in namespaces}
        if len(self.namespaces) > 1:
            self.fields["owner"].choices = [(name, name) for name in self.namespaces]  # type: ignore[attr-defined]
        else:
            del self.fields["owner"]

    @property
    def namespace(self) -> Namespace:
        """The one that was chosen; the user's own without a choice."""
        chosen = self.cleaned_data.get("owner")
        return self.namespaces[chosen] if chosen else next(iter(self.namespaces.values()))
