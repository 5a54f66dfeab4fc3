"""organisations/ and invitations/: everything that the pages do with them."""

from typing import Any

from drf_spectacular.utils import OpenApiParameter, extend_schema
from rest_framework import serializers
from rest_framework.request import Request
from rest_framework.response import Response

from hub.accounts import organisations, policy
from hub.accounts.api.base import AccountView, user_of
from hub.accounts.models import Invitation, Membership, Namespace, Role
from hub.api import ApiError, ScopePermission
from hub.api_idempotency import idempotent
from hub.api_pages import Pages


class OrganisationSerializer(serializers.Serializer[Any]):
    name = serializers.CharField(max_length=96)
    title = serializers.CharField(max_length=120, required=False, allow_blank=True, default="")
    about = serializers.CharField(max_length=300, required=False, allow_blank=True, default="")
    created_at = serializers.DateTimeField(read_only=True)
    role = serializers.SerializerMethodField(help_text="Mine; null if I am no member.")

    def get_role(self, organisation: Namespace) -> str | None:
        return policy.role_in(organisation, self.context["request"].user)


class OrganisationPatchSerializer(serializers.Serializer[Any]):
    title = serializers.CharField(max_length=120, required=False, allow_blank=True)
    about = serializers.CharField(max_length=300, required=False, allow_blank=True)


class MemberSerializer(serializers.Serializer[Any]):
    username = serializers.CharField(source="user.username", read_only=True)
    role = serializers.ChoiceField(choices=Role.values)
    since = serializers.DateTimeField(source="created_at", read_only=True)


class InvitationSerializer(serializers.Serializer[Any]):
    id = serializers.IntegerField()
    organisation = serializers.CharField(source="namespace.name")
    role = serializers.ChoiceField(choices=Role.values)
    created_at = serializers.DateTimeField()


class AnswerSerializer(serializers.Serializer[Any]):
    accept = serializers.BooleanField()


class OrganisationListView(AccountView):
    pagination_class = Pages

    @extend_schema(operation_id="organisations_list", responses=OrganisationSerializer(many=True))
    def get(self, request: Request) -> Response:
        """The organisations that I am a member of."""
        pages = Pages()
        mine = Namespace.objects.filter(memberships__user=user_of(request), deleted_at=None).order_by("name")
        page = pages.paginate_queryset(mine, request, view=self)
        serializer = OrganisationSerializer(page, many=True, context={"request": request})
        return pages.get_paginated_response(serializer.data)

    @extend_schema(
        operation_id="organisations_create",
        request=OrganisationSerializer,
        responses={201: OrganisationSerializer},
    )
    @idempotent()
    def post(self, request: Request) -> Response:
        """Make an organisation. I own it."""
        form = OrganisationSerializer(data=request.data)
        form.is_valid(raise_exception=True)
        made = organisations.create_organisation(user=user_of(request), **form.validated_data)
        return Response(OrganisationSerializer(made, context={"request": request}).data, status=201)


class OrganisationView(AccountView):
    permission_classes = [ScopePermission]

    @extend_schema(operation_id="organisations_read", responses=OrganisationSerializer)
    def get(self, request: Request, name: str) -> Response:
        """One organisation. Its modules: modules/?author=NAME."""
        found = organisations.find_organisation(name)
        return Response(OrganisationSerializer(found, context={"request": request}).data)

    @extend_schema(
        operation_id="organisations_update",
        request=OrganisationPatchSerializer,
        responses=OrganisationSerializer,
    )
    def patch(self, request: Request, name: str) -> Response:
        """Change what is said about it. For owners."""
        found = organisations.find_organisation(name)
        form = OrganisationPatchSerializer(data=request.data)
        form.is_valid(raise_exception=True)
        values = {"title": found.title, "about": found.about} | form.validated_data
        organisations.update_organisation(user=user_of(request), organisation=found, **values)
        return Response(OrganisationSerializer(found, context={"request": request}).data)

    @extend_schema(operation_id="organisations_delete", responses={204: None})
    def delete(self, request: Request, name: str) -> Response:
        """Delete it: for owners, and only without modules. Its name is never given again."""
        found = organisations.find_organisation(name)
        organisations.delete_organisation(user=user_of(request), organisation=found)
        return Response(status=204)


class MemberListView(AccountView):
    pagination_class = Pages

    @extend_schema(
        operation_id="members_list",
        parameters=[
            OpenApiParameter("role", str, enum=Role.values, description="Only those with this role.")
        ],
        responses=MemberSerializer(many=True),
    )
    def get(self, request: Request, name: str) -> Response:
        """The members and their roles. For members."""
        found = organisations.find_organisation(name)
        if policy.role_in(found, request.user) is None:
            raise ApiError("forbidden", f"Only members of {found.name} see its members.", 403)
        pages = Pages()
        rows = found.memberships.select_related("user")
        if (role := request.query_params.get("role")) in Role.values:
            rows = rows.filter(role=role)
        page = pages.paginate_queryset(rows, request, view=self)
        return pages.get_paginated_response(MemberSerializer(page, many=True).data)


class MemberView(AccountView):
    @extend_schema(
        operation_id="members_set",
        request=MemberSerializer,
        responses={200: MemberSerializer, 202: InvitationSerializer},
    )
    def put(self, request: Request, name: str, username: str) -> Response:
        """Set a member's role; somebody who is no member is invited (202) and joins by accepting."""
        found = organisations.find_organisation(name)
        form = MemberSerializer(data=request.data)
        form.is_valid(raise_exception=True)
        arguments: dict[str, Any] = {
            "user": user_of(request),
            "organisation": found,
            "username": username,
            "role": form.validated_data["role"],
        }
        if Membership.objects.filter(namespace=found, user__username__iexact=username).exists():
            return Response(MemberSerializer(organisations.set_role(**arguments)).data)
        return Response(InvitationSerializer(organisations.invite(**arguments)).data, status=202)

    @extend_schema(operation_id="members_remove", responses={204: None})
    def delete(self, request: Request, name: str, username: str) -> Response:
        """Remove a member, withdraw an invitation, or leave. The last owner stays."""
        found = organisations.find_organisation(name)
        invited = Invitation.objects.filter(namespace=found, user__username__iexact=username).exists()
        act = organisations.withdraw_invitation if invited else organisations.remove_member
        act(user=user_of(request), organisation=found, username=username)
        return Response(status=204)


class InvitedSerializer(serializers.Serializer[Any]):
    username = serializers.CharField(source="user.username")
    role = serializers.ChoiceField(choices=Role.values)
    created_at = serializers.DateTimeField()


class InvitedListView(AccountView):
    pagination_class = Pages

    @extend_schema(operation_id="organisations_invitations", responses=InvitedSerializer(many=True))
    def get(self, request: Request, name: str) -> Response:
        """Who is asked to join, and has not answered yet. For its owners."""
        found = organisations.find_organisation(name)
        if not found.can_manage(request.user):
            raise ApiError("forbidden", f"Only owners of {found.name} see whom it invited.", 403)
        pages = Pages()
        page = pages.paginate_queryset(found.invitations.select_related("user"), request, view=self)
        return pages.get_paginated_response(InvitedSerializer(page, many=True).data)


class InvitationListView(AccountView):
    pagination_class = Pages

    @extend_schema(operation_id="invitations_list", responses=InvitationSerializer(many=True))
    def get(self, request: Request) -> Response:
        """Who asks me to join."""
        pages = Pages()
        mine = Invitation.objects.filter(user=user_of(request)).select_related("namespace")
        page = pages.paginate_queryset(mine, request, view=self)
        return pages.get_paginated_response(InvitationSerializer(page, many=True).data)


class InvitationView(AccountView):
    @extend_schema(operation_id="invitations_answer", request=AnswerSerializer, responses={204: None})
    @idempotent()
    def post(self, request: Request, invitation_id: int) -> Response:
        """Join, or not."""
        form = AnswerSerializer(data=request.data)
        form.is_valid(raise_exception=True)
        organisations.answer_invitation(
            user=user_of(request), invitation_id=invitation_id, accept=form.validated_data["accept"]
        )
        return Response(status=204)
