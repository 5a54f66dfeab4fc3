from typing import Any

from django.contrib import admin
from django.contrib.auth.admin import UserAdmin as DjangoUserAdmin
from django.contrib.auth.forms import AdminUserCreationForm
from django.core.exceptions import ValidationError
from django.db.models import Model
from django.http import HttpRequest

from hub.accounts import services
from hub.accounts.models import AccessToken, AuditEvent, Namespace, User
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
    """Quotas are set here; names are addresses, and do not change."""

    list_display = ["name", "kind", "user", "quota_bytes", "quota_modules", "created_at"]
    search_fields = ["name"]
    list_filter = ["kind"]
    readonly_fields = ["name", "kind", "user", "created_at", "deleted_at"]


@admin.register(AuditEvent)
class AuditEventAdmin(admin.ModelAdmin):
    """To read. The database itself refuses changes."""

    list_display = ["at", "namespace", "actor_name", "action", "subject", "token"]
    search_fields = ["actor_name", "subject", "namespace__name"]
    list_filter = ["action"]
    list_select_related = ["namespace"]

    def has_add_permission(self, request: HttpRequest) -> bool:
        return False

    def has_change_permission(self, request: HttpRequest, obj: Model | None = None) -> bool:
        return False

    def has_delete_permission(self, request: HttpRequest, obj: Model | None = None) -> bool:
        return False


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
