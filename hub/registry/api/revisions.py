"""modules/{owner}/{name}/revisions/{commit}/: one revision with its files."""

from typing import Any

from drf_spectacular.utils import extend_schema
from rest_framework.request import Request
from rest_framework.response import Response

from hub.registry.api.representation import files_of, revision_item
from hub.registry.api.serializers import FileSerializer, RevisionSerializer
from hub.registry.api.views import RegistryView
from hub.registry.services import find_module, find_revision


class RevisionDetailSerializer(RevisionSerializer):
    """A revision with its files."""

    files = FileSerializer(many=True)


class RevisionView(RegistryView):
    @extend_schema(operation_id="revisions_read", responses=RevisionDetailSerializer)
    def get(self, request: Request, owner: str, name: str, commit: str) -> Response:
        """One revision, and its files with their sizes and hashes. Download them at their `url`."""
        revision = find_revision(find_module(f"{owner}/{name}", request.user), commit)
        body: dict[str, Any] = revision_item(revision)
        return Response(body | {"files": files_of(revision, request)})
