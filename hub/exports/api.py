"""modules/{owner}/{name}/revisions/{commit}/exports/: files for other programs, made by a worker."""

from typing import Any

from django.http.response import HttpResponseBase
from drf_spectacular.types import OpenApiTypes
from drf_spectacular.utils import OpenApiParameter, OpenApiResponse, extend_schema
from rest_framework import serializers
from rest_framework.negotiation import BaseContentNegotiation
from rest_framework.request import Request
from rest_framework.response import Response

from hub.api import ApiError, SignedIn
from hub.api_idempotency import idempotent
from hub.exports.models import Export
from hub.exports.services import ExportRefused, request_export
from hub.exports.views import download
from hub.registry.api.views import RegistryView, user_of
from hub.registry.models import Revision
from hub.registry.services import find_module, find_revision, require_download


class ExportRequestSerializer(serializers.Serializer[Any]):
    kind = serializers.ChoiceField(
        choices=Export.Format.values, help_text="gguf: for llama.cpp; merged: for transformers."
    )


class ExportSerializer(ExportRequestSerializer):
    status = serializers.ChoiceField(choices=Export.Status.values)
    error = serializers.CharField(help_text="Why it failed; empty if it did not.")
    size = serializers.IntegerField(help_text="Bytes; 0 until it is ready.")
    file_name = serializers.CharField()
    created_at = serializers.DateTimeField()
    url = serializers.CharField(allow_null=True, help_text="Where to download it; null until it is ready.")


def _item(export: Export, request: Request) -> dict[str, Any]:
    ready = export.status == Export.Status.READY
    place = f"{export.revision.module.full_name}/revisions/{export.revision.commit}/exports/{export.format}"
    names = ("status", "error", "size", "file_name", "created_at")
    return {name: getattr(export, name) for name in names} | {
        "kind": export.format,
        "url": request.build_absolute_uri(f"/api/v1/modules/{place}/download/") if ready else None,
    }


def _revision(request: Request, owner: str, name: str, commit: str) -> Revision:
    revision = find_revision(find_module(f"{owner}/{name}", request.user), commit)
    require_download(request.user, revision.module)
    return revision


class ExportListView(RegistryView):
    @extend_schema(operation_id="exports_list", responses=ExportSerializer(many=True))
    def get(self, request: Request, owner: str, name: str, commit: str) -> Response:
        """The exports of a revision: at most one of each kind."""
        revision = _revision(request, owner, name, commit)
        rows = revision.exports.select_related("revision__module__namespace").order_by("format")
        return Response(ExportSerializer([_item(row, request) for row in rows], many=True).data)

    @extend_schema(
        operation_id="exports_create", request=ExportRequestSerializer, responses={202: ExportSerializer}
    )
    @idempotent()
    def post(self, request: Request, owner: str, name: str, commit: str) -> Response:
        """Ask for an export; it is made unless it is there or being made. Look again until it is ready."""
        revision = _revision(request, owner, name, commit)
        form = ExportRequestSerializer(data=request.data)
        form.is_valid(raise_exception=True)
        try:
            made = request_export(user=user_of(request), revision=revision, kind=form.validated_data["kind"])
        except ExportRefused as error:
            raise ApiError("export_refused", str(error), 409) from error
        return Response(ExportSerializer(_item(made, request)).data, status=202)

    def get_permissions(self) -> Any:
        return [SignedIn()] if self.request.method == "POST" else super().get_permissions()


class AnyFile(BaseContentNegotiation):
    """A file is what it is, whatever the client prefers; errors are JSON."""

    def select_parser(self, request: Request, parsers: Any) -> Any:
        return None

    def select_renderer(self, request: Request, renderers: Any, format_suffix: str | None = None) -> Any:
        return renderers[0], renderers[0].media_type


class ExportDownloadView(RegistryView):
    content_negotiation_class = AnyFile

    @extend_schema(
        operation_id="exports_download",
        parameters=[OpenApiParameter("kind", str, OpenApiParameter.PATH, enum=Export.Format.values)],
        responses={(200, "application/octet-stream"): OpenApiResponse(OpenApiTypes.BINARY, "The file.")},
    )
    def get(self, request: Request, owner: str, name: str, commit: str, kind: str) -> HttpResponseBase:
        """The file of an export that is ready; 404 until then."""
        _revision(request, owner, name, commit)
        plain = request._request
        plain.user = request.user
        return download(plain, owner=owner, name=name, commit=commit, kind=kind)
