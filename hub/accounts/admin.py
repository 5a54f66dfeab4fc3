from typing import Any

from django.contrib import admin
from django.contrib.auth.admin import UserAdmin as DjangoUserAdmin
from django.contrib.auth.forms import AdminUserCreationForm
from django.core.exceptions import ValidationError
from django.db.models import Model
from django.http import HttpRequest

from hub.accounts import services
from hub.accounts.models import AccessToken, Namespace, User
from hub.accounts.names import namespace_error

admin.site.site_header = admin.site.site_title = "LoRA Hub admin"


class NewUserForm(AdminUserCreationForm):
    def clean_username(self) -> str:
        name = str(super().clean_username())
        if problem := namespace_error(name) or services.taken_error(name):
            raise ValidationError(problem)
        return name


@admin.register(User)
class UserAdmin(DjangoUserAdmin):
    """A user's name is an address: it is checked like everywhere else, and does not change afterwards."""

    add_form = NewUserForm

    def get_readonly_fields(self, request: HttpRequest, obj: Model | None = None) -> tuple[str, ...]:
        return ("username", "last_login", "date_joined") if obj else ()

    def save_model(self, request: HttpRequest, obj: Any, form: Any, change: bool) -> None:
        super().save_model(request, obj, form, change)
        if not change:
            services.give_namespace(obj)


@admin.register(Namespace)
class NamespaceAdmin(admin.ModelAdmin):
    list_display = ["name", "kind", "user", "created_at"]
    search_fields = ["name"]
    list_filter = ["kind"]


@admin.register(AccessToken)
class AccessTokenAdmin(admin.ModelAdmin):
    """To see and revoke; made by their owners only."""

    list_display = ["prefix", "user", "name", "scope", "created_at", "expires_at", "last_used_at"]
    search_fields = ["user__username", "name", "prefix"]
    list_select_related = ["user"]
    exclude = ["token_hash"]
    readonly_fields = ["user", "name", "prefix", "scope", "created_at", "expires_at", "last_used_at"]

    def has_add_permission(self, request: HttpRequest) -> bool:
        return False
