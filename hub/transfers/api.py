"""REST: import modules from other hubs."""

from typing import Any

from django.shortcuts import get_object_or_404
from drf_spectacular.utils import extend_schema
from rest_framework import serializers
from rest_framework.request import Request
from rest_framework.response import Response
from rest_framework.views import APIView

from hub.accounts.api.base import user_of
from hub.accounts.models import Namespace
from hub.api import ApiError, SignedIn
from hub.api_idempotency import idempotent
from hub.api_pages import Pages
from hub.registry.api.serializers import ErrorSerializer
from hub.transfers import services
from hub.transfers.errors import TransferError
from hub.transfers.models import Import, ImportItem

ERRORS = dict.fromkeys((400, 401, 403, 404, 409, 429), ErrorSerializer)


class ImportRequestSerializer(serializers.Serializer[Any]):
    source = serializers.CharField(  # type: ignore[assignment]  # a field, not the argument of one
        max_length=200, help_text="owner/name, or owner/* for a whole account."
    )
    endpoint = serializers.CharField(
        max_length=200, required=False, default="", allow_blank=True, help_text="Default: huggingface.co."
    )
    revision = serializers.CharField(max_length=120, required=False, default="", allow_blank=True)
    owner = serializers.CharField(
        max_length=96,
        required=False,
        default="",
        help_text="You or an organisation; default: you.",
        allow_blank=True,
    )
    private = serializers.BooleanField(required=False, default=False)


class ImportItemSerializer(serializers.Serializer[Any]):
    source = serializers.CharField()  # type: ignore[assignment]
    status = serializers.ChoiceField(choices=ImportItem.Status.values)
    module = serializers.SerializerMethodField(help_text="What it became here; null unless it did.")
    error_code = serializers.CharField()
    error = serializers.CharField()

    def get_module(self, item: ImportItem) -> str | None:
        return item.revision.module.full_name if item.revision else None


class ImportSerializer(serializers.Serializer[Any]):
    id = serializers.IntegerField()
    source = serializers.CharField()  # type: ignore[assignment]
    endpoint = serializers.CharField()
    revision = serializers.CharField()
    owner = serializers.CharField(source="namespace.name")
    private = serializers.BooleanField()
    status = serializers.ChoiceField(choices=Import.Status.values)
    error_code = serializers.CharField()
    error = serializers.CharField()
    created_at = serializers.DateTimeField()


class ImportDetailSerializer(ImportSerializer):
    items = ImportItemSerializer(many=True)


class TransferView(APIView):
    permission_classes = [SignedIn]

    def handle_exception(self, exc: Exception) -> Response:
        if isinstance(exc, TransferError):
            exc = ApiError(exc.code, exc.detail, exc.status)
        return super().handle_exception(exc)

    def find(self, request: Request, import_id: int) -> Import:
        mine = user_of(request).imports.select_related("namespace")
        return get_object_or_404(mine.prefetch_related("items__revision__module__namespace"), pk=import_id)


class ImportListView(TransferView):
    pagination_class = Pages

    @extend_schema(operation_id="imports_list", responses=ImportSerializer(many=True))
    def get(self, request: Request) -> Response:
        """My imports, the newest first."""
        pages = Pages()
        rows = user_of(request).imports.select_related("namespace").order_by("-created_at", "-pk")
        page = pages.paginate_queryset(rows, request, view=self)
        return pages.get_paginated_response(ImportSerializer(page, many=True).data)

    @extend_schema(
        operation_id="imports_create",
        request=ImportRequestSerializer,
        responses={201: ImportDetailSerializer, **ERRORS},
    )
    @idempotent()
    def post(self, request: Request) -> Response:
        """Import a module, or all adapters of an account, from Hugging Face or another hub. A worker does it."""
        form = ImportRequestSerializer(data=request.data)
        form.is_valid(raise_exception=True)
        user, data = user_of(request), dict(form.validated_data)
        owner = data.pop("owner").replace("\0", "") or user.namespace.name
        namespace = Namespace.objects.filter(name__iexact=owner, deleted_at=None).first()
        if namespace is None:
            raise TransferError("forbidden", f"You may not publish as {ascii(owner)[1:-1]}.", status=403)
        made = services.request_import(user=user, namespace=namespace, **data)
        return Response(ImportDetailSerializer(self.find(request, made.pk)).data, status=201)


class ImportView(TransferView):
    @extend_schema(operation_id="imports_retrieve", responses={200: ImportDetailSerializer, **ERRORS})
    def get(self, request: Request, import_id: int) -> Response:
        """One import, and how each module came out."""
        return Response(ImportDetailSerializer(self.find(request, import_id)).data)


class ImportCancelView(TransferView):
    @extend_schema(
        operation_id="imports_cancel", request=None, responses={200: ImportDetailSerializer, **ERRORS}
    )
    def post(self, request: Request, import_id: int) -> Response:
        """Begin no further module. What was imported stays."""
        services.cancel(self.find(request, import_id))
        return Response(ImportDetailSerializer(self.find(request, import_id)).data)


class ImportRetryView(TransferView):
    @extend_schema(
        operation_id="imports_retry", request=None, responses={200: ImportDetailSerializer, **ERRORS}
    )
    def post(self, request: Request, import_id: int) -> Response:
        """Try again what failed or was not reached."""
        services.retry(self.find(request, import_id))
        return Response(ImportDetailSerializer(self.find(request, import_id)).data)
