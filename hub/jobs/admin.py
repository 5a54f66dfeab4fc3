from django.contrib import admin

from hub.jobs.models import Job, Worker


@admin.register(Job)
class JobAdmin(admin.ModelAdmin):
    """To look at; jobs are written by their owner and by workers only."""

    list_display = ["pk", "owner", "status", "stage", "evaluations_done", "budget", "attempts", "created_at"]
    list_filter = ["status", "base_model", "method", "optimizer"]
    search_fields = ["owner__username", "name", "error"]
    exclude = ["examples", "holdout"]  # the owner's data

    def has_add_permission(self, request: object) -> bool:
        return False

    def has_change_permission(self, request: object, obj: object = None) -> bool:
        return False


@admin.register(Worker)
class WorkerAdmin(admin.ModelAdmin):
    list_display = ["name", "started_at", "last_seen"]
