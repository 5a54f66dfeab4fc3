"""What people say of modules: so far, that they like them."""

from django.conf import settings
from django.db import models


class Like(models.Model):
    """One person likes one module. Module.likes counts them."""

    user = models.ForeignKey(settings.AUTH_USER_MODEL, on_delete=models.CASCADE, related_name="liked")
    module = models.ForeignKey("registry.Module", on_delete=models.CASCADE, related_name="liked_by")
    created_at = models.DateTimeField(auto_now_add=True)

    class Meta:
        ordering = ["-created_at", "-pk"]
        constraints = [models.UniqueConstraint(fields=["user", "module"], name="like_once")]

    def __str__(self) -> str:
        return f"{self.user_id} likes {self.module_id}"
