from django.contrib import admin
from django.contrib.auth.admin import UserAdmin
from django.http import HttpRequest

from hub.accounts.models import AccessToken, Namespace, User

admin.site.register(User, UserAdmin)
admin.site.site_header = admin.site.site_title = "LoRA Hub admin"


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
