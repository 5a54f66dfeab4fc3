"""me/ and users/{username}/: who I am, and what everybody sees of a person."""

from typing import Any

from django.http import Http404
from drf_spectacular.utils import extend_schema
from rest_framework import serializers
from rest_framework.request import Request
from rest_framework.response import Response

from hub.accounts.api.base import AccountView, user_of
from hub.accounts.models import AccessToken, Namespace, User
from hub.api import ScopePermission


class PersonSerializer(serializers.Serializer[Any]):
    username = serializers.CharField()
    since = serializers.DateTimeField()
    organisations = serializers.ListField(child=serializers.CharField(), help_text="Where they are a member.")


class MeSerializer(PersonSerializer):
    email = serializers.EmailField(allow_blank=True)
    scope = serializers.CharField(
        help_text="Of the token that asks: read, write or fine; session in a browser."
    )


def _person(user: User) -> dict[str, Any]:
    joined = Namespace.objects.filter(memberships__user=user, deleted_at=None).order_by("name")
    names = list(joined.values_list("name", flat=True))
    return {"username": user.username, "since": user.date_joined, "organisations": names}


class MeView(AccountView):
    @extend_schema(operation_id="me_read", responses=MeSerializer)
    def get(self, request: Request) -> Response:
        """Who I am, and by what kind of token."""
        user = user_of(request)
        scope = request.auth.scope if isinstance(request.auth, AccessToken) else "session"
        return Response(MeSerializer(_person(user) | {"email": user.email, "scope": scope}).data)


class PersonView(AccountView):
    permission_classes = [ScopePermission]

    @extend_schema(operation_id="users_read", responses=PersonSerializer)
    def get(self, request: Request, username: str) -> Response:
        """What everybody sees of a person. Their modules: modules/?author=NAME."""
        found = None
        if "\0" not in username:
            found = User.objects.filter(username__iexact=username, is_active=True).first()
        if found is None:
            raise Http404
        return Response(PersonSerializer(_person(found)).data)
