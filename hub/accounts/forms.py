"""The forms of an account. Every refusal says what to change."""

from datetime import datetime, timedelta
from typing import Any

from django import forms
from django.contrib.auth import password_validation
from django.contrib.auth.forms import AuthenticationForm
from django.core.exceptions import ValidationError
from django.utils import timezone

from hub.accounts import services, tokens
from hub.accounts.errors import AccountError
from hub.accounts.models import AccessToken, Role, TokenGrant, User
from hub.accounts.names import namespace_error


class SignUpForm(forms.Form):
    username = forms.CharField(
        max_length=96,
        help_text="The first part of the address of all your modules. Letters, digits, “-”, “_” and “.”.",
        widget=forms.TextInput(
            attrs={"autocomplete": "username", "autocapitalize": "none", "spellcheck": "false"}
        ),
    )
    email = forms.EmailField(
        label="E-mail",
        required=False,
        help_text="Shown to nobody.",
        widget=forms.EmailInput(attrs={"autocomplete": "email"}),
    )
    password = forms.CharField(
        strip=False,
        help_text="At least 10 characters; a few words are easier to keep than a short riddle.",
        widget=forms.PasswordInput(attrs={"autocomplete": "new-password"}),
    )

    def clean_username(self) -> str:
        name = str(self.cleaned_data["username"])
        if problem := namespace_error(name):
            raise ValidationError(problem, "bad_name")
        return name

    def clean(self) -> dict[str, Any]:
        data = super().clean() or {}
        if "username" in data and "password" in data:
            person = User(username=data["username"], email=data.get("email", ""))
            try:
                password_validation.validate_password(data["password"], person)
            except ValidationError as error:
                self.add_error("password", error)
        return data

    def save(self) -> User | None:
        """The new user; None if the name was taken, which the form then says."""
        data = self.cleaned_data
        try:
            return services.create_user(data["username"], data["email"], data["password"])
        except services.AccountError as error:
            self.add_error(error.field, ValidationError(str(error), error.code))
            return None


class SignInForm(AuthenticationForm):
    error_messages = {
        "invalid_login": "This name and password do not go together. Both are case-sensitive.",
        "inactive": "This account is closed.",
    }

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self.fields["username"].widget.attrs |= {"autocapitalize": "none", "spellcheck": "false"}


class TokenForm(forms.Form):
    NEVER = "never"
    use_required_attribute = False  # a browser would ask for a field that is not shown
    LIFETIMES = [("30", "30 days"), ("90", "90 days"), ("365", "1 year"), (NEVER, "No end")]

    name = forms.CharField(
        max_length=60,
        help_text="So that you know it again: where will it be used?",
        widget=forms.TextInput(attrs={"placeholder": "laptop", "autocomplete": "off"}),
    )
    scope = forms.ChoiceField(
        choices=AccessToken.Scope.choices,
        initial=AccessToken.Scope.READ,
        widget=forms.RadioSelect,
        label="May",
    )
    targets = forms.CharField(
        required=False,
        max_length=10_000,
        label="For",
        help_text="Modules (owner/name) or whole namespaces (owner), one a line.",
        widget=forms.Textarea(
            attrs={"rows": 3, "class": "mono", "spellcheck": "false", "autocapitalize": "none"}
        ),
    )
    permission = forms.ChoiceField(
        choices=TokenGrant.Permission.choices,
        initial=TokenGrant.Permission.READ,
        required=False,
        label="There it may",
    )
    expires = forms.ChoiceField(choices=LIFETIMES, initial="90", label="Ends after")

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        for name in ("targets", "permission"):
            self.fields[name].required = not self.is_bound or self.data.get("scope") == AccessToken.Scope.FINE

    @property
    def expires_at(self) -> datetime | None:
        days = self.cleaned_data["expires"]
        return None if days == self.NEVER else timezone.now() + timedelta(days=int(days))

    def save(self, user: User) -> tuple[AccessToken, str] | None:
        """The new token and its text; None if it was refused, which the form then says."""
        data = self.cleaned_data
        try:
            return tokens.create_token(
                user=user,
                name=data["name"],
                scope=data["scope"],
                expires_at=self.expires_at,
                targets=data["targets"].replace(",", "\n").splitlines(),
                permission=data["permission"] or TokenGrant.Permission.READ,
            )
        except AccountError as error:
            self.add_error(error.field or None, ValidationError(str(error), error.code))
            return None


class OrganisationForm(forms.Form):
    title = forms.CharField(required=False, max_length=120, label="Full name")
    about = forms.CharField(required=False, max_length=300, help_text="One sentence, shown on its page.")


class NewOrganisationForm(OrganisationForm):
    name = forms.CharField(
        max_length=96,
        help_text="The first part of the address of its modules. Letters, digits, “-”, “_” and “.”.",
        widget=forms.TextInput(
            attrs={"autocapitalize": "none", "spellcheck": "false", "autocomplete": "off"}
        ),
    )
    field_order = ["name"]


class InviteForm(forms.Form):
    username = forms.CharField(
        max_length=150,
        widget=forms.TextInput(
            attrs={"autocapitalize": "none", "spellcheck": "false", "autocomplete": "off"}
        ),
    )
    role = forms.ChoiceField(choices=Role.choices, initial=Role.READER, widget=forms.RadioSelect)
