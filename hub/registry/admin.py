"""Modules and base models in Django's admin: to look at, and to take something down."""

from django.contrib import admin

from hub.registry.models import BaseModel, Module


@admin.register(BaseModel)
class BaseModelAdmin(admin.ModelAdmin):
    list_display = ("model_id", "architecture", "parameters", "is_default", "created_at")
    exclude = ("layers",)
    readonly_fields = ("model_id", "fingerprint", "architecture", "parameters", "context_length", "revision")


@admin.register(Module)
class ModuleAdmin(admin.ModelAdmin):
    list_display = (
        "full_name",
        "base_model_label",
        "task",
        "is_private",
        "downloads",
        "created_at",
        "deleted_at",
    )
    list_filter = ("is_private", "base_model")
    list_select_related = ("namespace",)
    search_fields = ("name", "namespace__name", "summary")
    fields = ("namespace", "name", "is_private", "summary", "task", "license", "downloads", "deleted_at")
    readonly_fields = ("namespace", "name", "downloads")
