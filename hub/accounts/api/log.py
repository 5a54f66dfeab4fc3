"""log/ and organisations/{name}/log/: who did what. Read by owners; nobody changes it."""

from typing import Any

from django.db.models import QuerySet
from drf_spectacular.utils import OpenApiParameter, extend_schema
from rest_framework import serializers
from rest_framework.request import Request
from rest_framework.response import Response
from rest_framework.views import APIView

from hub.accounts import organisations
from hub.accounts.api.base import AccountView, user_of
from hub.accounts.models import AuditEvent
from hub.api import ApiError
from hub.api_pages import Pages


class EventSerializer(serializers.Serializer[Any]):
    id = serializers.IntegerField()
    at = serializers.DateTimeField()
    actor = serializers.CharField(source="actor_name")
    token = serializers.CharField(help_text="The token by which it was done; empty for a browser.")
    action = serializers.CharField(help_text="Such as module.delete.")
    subject = serializers.CharField(help_text="What it was done to, as it was called then.")
    details = serializers.DictField()


ACTION = OpenApiParameter("action", str, description="Only events of this kind, such as module.delete.")


def events_page(events: QuerySet[AuditEvent], request: Request, view: APIView) -> Response:
    if action := request.query_params.get("action", "").replace("\0", ""):
        events = events.filter(action=action)
    pages = Pages()
    page = pages.paginate_queryset(events, request, view=view)
    return pages.get_paginated_response(EventSerializer(page, many=True).data)


class LogView(AccountView):
    pagination_class = Pages

    @extend_schema(operation_id="log_list", parameters=[ACTION], responses=EventSerializer(many=True))
    def get(self, request: Request) -> Response:
        """Who did what to my modules and tokens, the newest first."""
        return events_page(user_of(request).namespace.events.all(), request, self)


class OrganisationLogView(AccountView):
    pagination_class = Pages

    @extend_schema(
        operation_id="organisations_log", parameters=[ACTION], responses=EventSerializer(many=True)
    )
    def get(self, request: Request, name: str) -> Response:
        """Who did what in the organisation, the newest first. For its owners."""
        organisation = organisations.find_organisation(name)
        if not organisation.can_manage(request.user):
            raise ApiError("forbidden", f"Only owners of {organisation.name} read its log.", 403)
        return events_page(organisation.events.all(), request, self)
