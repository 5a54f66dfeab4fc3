"""tokens/: the caller's access tokens. The text of one is in the answer that makes it, and nowhere else."""

from datetime import datetime, timedelta
from typing import Any

from django.utils import timezone
from drf_spectacular.utils import OpenApiParameter, extend_schema
from rest_framework import serializers
from rest_framework.request import Request
from rest_framework.response import Response

from hub.accounts import tokens
from hub.accounts.api.base import AccountView, user_of
from hub.accounts.models import AccessToken, TokenGrant
from hub.api import ApiError
from hub.api_idempotency import idempotent
from hub.api_pages import Pages


class GrantSerializer(serializers.Serializer[Any]):
    target = serializers.CharField(help_text="owner, or owner/name")
    permission = serializers.ChoiceField(choices=TokenGrant.Permission.values)


class TokenSerializer(serializers.ModelSerializer[AccessToken]):
    grants = GrantSerializer(many=True, help_text="What a fine-grained token is for.")

    class Meta:
        model = AccessToken
        fields = ("id", "name", "prefix", "scope", "grants", "created_at", "expires_at", "last_used_at")


class NewTokenSerializer(TokenSerializer):
    token = serializers.CharField(help_text="The token's text. It is not shown again.")

    class Meta(TokenSerializer.Meta):
        fields = (*TokenSerializer.Meta.fields, "token")  # type: ignore[assignment]


class TokenRequestSerializer(serializers.Serializer[Any]):
    name = serializers.CharField(max_length=60)
    scope = serializers.ChoiceField(choices=AccessToken.Scope.choices, default=AccessToken.Scope.READ)
    days = serializers.IntegerField(
        min_value=1, max_value=3650, required=False, allow_null=True, help_text="Until it ends; null: no end."
    )
    targets = serializers.ListField(
        child=serializers.CharField(max_length=200),
        default=list,
        help_text="owner or owner/name: what a fine-grained token (scope fine) is for.",
    )
    permission = serializers.ChoiceField(
        choices=TokenGrant.Permission.values, default=TokenGrant.Permission.READ, help_text="There."
    )

    @property
    def expires_at(self) -> datetime | None:
        days = self.validated_data.get("days")
        return timezone.now() + timedelta(days=days) if days else None


class TokenListView(AccountView):
    pagination_class = Pages

    @extend_schema(
        operation_id="tokens_list",
        parameters=[OpenApiParameter("scope", str, enum=AccessToken.Scope.values, description="Only these.")],
        responses=TokenSerializer(many=True),
    )
    def get(self, request: Request) -> Response:
        """My tokens, the newest first; never their text."""
        pages = Pages()
        mine = AccessToken.objects.filter(user=user_of(request)).prefetch_related(
            "grants__namespace", "grants__module__namespace"
        )
        if (scope := request.query_params.get("scope")) in AccessToken.Scope.values:
            mine = mine.filter(scope=scope)
        page = pages.paginate_queryset(mine, request, view=self)
        return pages.get_paginated_response(TokenSerializer(page, many=True).data)

    @extend_schema(
        operation_id="tokens_create", request=TokenRequestSerializer, responses={201: NewTokenSerializer}
    )
    @idempotent(secret=True)
    def post(self, request: Request) -> Response:
        """Make a token. A token makes none that may do more, or lasts longer, than itself."""
        form = TokenRequestSerializer(data=request.data)
        form.is_valid(raise_exception=True)
        data = form.validated_data
        token, plaintext = tokens.create_token(
            user=user_of(request),
            name=data["name"],
            scope=data["scope"],
            expires_at=form.expires_at,
            targets=data["targets"],
            permission=data["permission"],
        )
        return Response(TokenSerializer(token).data | {"token": plaintext}, status=201)


class TokenView(AccountView):
    @extend_schema(operation_id="tokens_revoke", responses={204: None})
    def delete(self, request: Request, token_id: int) -> Response:
        """Revoke a token of mine: programs that use it can no longer sign in."""
        if not tokens.revoke_token(user=user_of(request), token_id=token_id):
            raise ApiError("unknown_token", "You have no such token.", 404)
        return Response(status=204)
