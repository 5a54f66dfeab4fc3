"""usage/: what the caller and their organisations take of the hub."""

from typing import Any

from drf_spectacular.utils import extend_schema
from rest_framework import serializers
from rest_framework.request import Request
from rest_framework.response import Response

from hub.accounts.organisations import namespaces_to_publish_in
from hub.api import SignedIn
from hub.api_pages import Pages
from hub.registry.api.views import RegistryView, user_of
from hub.registry.services.names import tombstones
from hub.registry.services.quotas import usage_of


class UsageSerializer(serializers.Serializer[Any]):
    namespace = serializers.CharField(source="namespace.name")
    bytes = serializers.IntegerField(help_text="Of all revisions, each file once.")
    modules = serializers.IntegerField()
    most_bytes = serializers.IntegerField(help_text="The quota.")
    most_modules = serializers.IntegerField(help_text="The quota.")


class DeletedSerializer(serializers.Serializer[Any]):
    full_name = serializers.CharField(help_text="owner/name")
    deleted_at = serializers.DateTimeField()


class DeletedView(RegistryView):
    permission_classes = [SignedIn]
    grants_checked = False
    pagination_class = Pages

    @extend_schema(operation_id="modules_deleted", responses=DeletedSerializer(many=True))
    def get(self, request: Request) -> Response:
        """The deleted modules that I can restore, the last deleted first."""
        user = user_of(request)
        mine = [one for one in namespaces_to_publish_in(user) if one.can_manage(user)]
        rows = [module for namespace in mine for module in tombstones(namespace)]
        rows.sort(key=lambda module: str(module.deleted_at), reverse=True)
        pages = Pages()
        page = pages.paginate_queryset(rows, request, self)
        return pages.get_paginated_response(DeletedSerializer(page, many=True).data)


class UsageView(RegistryView):
    permission_classes = [SignedIn]
    grants_checked = False

    @extend_schema(operation_id="usage_list", responses=UsageSerializer(many=True))
    def get(self, request: Request) -> Response:
        """Bytes and modules of mine and of the organisations that I publish in, beside their quotas."""
        rows = [usage_of(namespace) for namespace in namespaces_to_publish_in(user_of(request))]
        return Response(UsageSerializer(rows, many=True).data)
