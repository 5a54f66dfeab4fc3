"""modules/{owner}/{name}/access-requests/: ask for a gated module, and decide who gets in."""

from typing import Any

from drf_spectacular.utils import OpenApiParameter, extend_schema
from rest_framework import exceptions, serializers
from rest_framework.request import Request
from rest_framework.response import Response

from hub.accounts.api.log import ACTION, EventSerializer, events_page
from hub.accounts.models import AuditEvent
from hub.api import SignedIn
from hub.api_idempotency import idempotent
from hub.api_pages import Pages
from hub.registry.api.serializers import ErrorSerializer
from hub.registry.api.views import RegistryView, user_of
from hub.registry.models import AccessRequest
from hub.registry.services import decide_access, find_module, request_access, require_manage

ERRORS = dict.fromkeys((400, 401, 403, 404, 409), ErrorSerializer)


class AccessRequestSerializer(serializers.Serializer[Any]):
    user = serializers.CharField(source="user.username", read_only=True)
    status = serializers.ChoiceField(choices=AccessRequest.Status.values, read_only=True)
    message = serializers.CharField(max_length=500, required=False, allow_blank=True, default="")
    created_at = serializers.DateTimeField(read_only=True)
    decided_at = serializers.DateTimeField(read_only=True, allow_null=True)


class DecisionSerializer(serializers.Serializer[Any]):
    status = serializers.ChoiceField(choices=["granted", "denied", "revoked"])


class AccessRequestListView(RegistryView):
    pagination_class = Pages

    @extend_schema(
        operation_id="access_requests_list",
        parameters=[OpenApiParameter("status", str, enum=AccessRequest.Status.values)],
        responses={200: AccessRequestSerializer(many=True), **ERRORS},
    )
    def get(self, request: Request, owner: str, name: str) -> Response:
        """Who asked for a gated module, the newest first. For its owners."""
        module = find_module(f"{owner}/{name}", request.user)
        if not request.user.is_authenticated:
            raise exceptions.NotAuthenticated
        require_manage(user_of(request), module)
        rows = module.access_requests.select_related("user")
        if status := request.query_params.get("status"):
            rows = rows.filter(status=status)
        pages = Pages()
        page = pages.paginate_queryset(rows, request, view=self)
        return pages.get_paginated_response(AccessRequestSerializer(page, many=True).data)

    @extend_schema(
        operation_id="access_requests_create",
        request=AccessRequestSerializer,
        responses={201: AccessRequestSerializer, **ERRORS},
    )
    @idempotent()
    def post(self, request: Request, owner: str, name: str) -> Response:
        """Ask for the files of a gated module."""
        module = find_module(f"{owner}/{name}", request.user)
        form = AccessRequestSerializer(data=request.data)
        form.is_valid(raise_exception=True)
        made = request_access(user=user_of(request), module=module, message=form.validated_data["message"])
        return Response(AccessRequestSerializer(made).data, status=201)


class AccessRequestView(RegistryView):
    @extend_schema(
        operation_id="access_requests_decide",
        request=DecisionSerializer,
        responses={200: AccessRequestSerializer, **ERRORS},
    )
    def put(self, request: Request, owner: str, name: str, username: str) -> Response:
        """Let a user in, or not, or no longer. For owners; granting needs no request before it."""
        module = find_module(f"{owner}/{name}", request.user)
        form = DecisionSerializer(data=request.data)
        form.is_valid(raise_exception=True)
        decided = decide_access(
            user=user_of(request), module=module, username=username, status=form.validated_data["status"]
        )
        return Response(AccessRequestSerializer(decided).data)


class LogView(RegistryView):
    pagination_class = Pages
    permission_classes = [SignedIn]

    @extend_schema(
        operation_id="modules_log", parameters=[ACTION], responses={200: EventSerializer(many=True), **ERRORS}
    )
    def get(self, request: Request, owner: str, name: str) -> Response:
        """Who did what to the module, the newest first. For its owners."""
        module = find_module(f"{owner}/{name}", request.user)
        require_manage(user_of(request), module)
        return events_page(
            AuditEvent.objects.filter(namespace=module.namespace, module=module.pk), request, self
        )
