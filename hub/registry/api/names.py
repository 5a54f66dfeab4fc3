"""modules/{owner}/{name}/move/, …/restore/ and …/revisions/{commit}/yank/."""

from typing import Any

from drf_spectacular.utils import extend_schema
from rest_framework import serializers
from rest_framework.request import Request
from rest_framework.response import Response

from hub.accounts.models import Namespace
from hub.api_idempotency import idempotent
from hub.registry.api.representation import detail, revision_item
from hub.registry.api.serializers import ErrorSerializer, ModuleDetailSerializer, RevisionSerializer
from hub.registry.api.views import RegistryView, namespace_and_name, user_of
from hub.registry.services import (
    RegistryError,
    find_module,
    find_revision,
    move_module,
    restore_module,
    unyank_revision,
    yank_revision,
)

ERRORS = dict.fromkeys((400, 401, 403, 404, 409), ErrorSerializer)


class MoveSerializer(serializers.Serializer[Any]):
    to = serializers.CharField(max_length=200, help_text="A new name, or owner/name.")


class ReasonSerializer(serializers.Serializer[Any]):
    reason = serializers.CharField(max_length=200, help_text="What is wrong with it; clients show this.")


class MoveView(RegistryView):
    @extend_schema(
        operation_id="modules_move",
        request=MoveSerializer,
        responses={200: ModuleDetailSerializer, **ERRORS},
    )
    @idempotent()
    def post(self, request: Request, owner: str, name: str) -> Response:
        """Rename a module, or move it to another owner. Its old name leads to it."""
        module = find_module(f"{owner}/{name}", request.user)
        form = MoveSerializer(data=request.data)
        form.is_valid(raise_exception=True)
        target = form.validated_data["to"]
        if "/" not in target:
            target = f"{module.namespace.name}/{target}"
        namespace, new_name = namespace_and_name(request, target)
        move_module(user=user_of(request), module=module, namespace=namespace, name=new_name)
        moved = find_module(f"{namespace.name}/{new_name}", request.user)
        return Response(detail(moved, find_revision(moved), request))


class RestoreView(RegistryView):
    @extend_schema(
        operation_id="modules_restore", request=None, responses={200: ModuleDetailSerializer, **ERRORS}
    )
    @idempotent()
    def post(self, request: Request, owner: str, name: str) -> Response:
        """Take back the deletion of a module."""
        namespace = None if "\0" in owner else Namespace.objects.filter(name__iexact=owner).first()
        if namespace is None:
            raise RegistryError("unknown_module", "There is no such deleted module.", status=404)
        restore_module(user=user_of(request), namespace=namespace, name=name)
        module = find_module(f"{owner}/{name}", request.user)
        return Response(detail(module, find_revision(module), request))


class YankView(RegistryView):
    @extend_schema(
        operation_id="revisions_yank",
        request=ReasonSerializer,
        responses={200: RevisionSerializer, **ERRORS},
    )
    def put(self, request: Request, owner: str, name: str, commit: str) -> Response:
        """Say that a revision is to be used no more, and why."""
        revision = find_revision(find_module(f"{owner}/{name}", request.user), commit)
        form = ReasonSerializer(data=request.data)
        form.is_valid(raise_exception=True)
        yank_revision(user=user_of(request), revision=revision, reason=form.validated_data["reason"])
        return Response(revision_item(revision))

    @extend_schema(operation_id="revisions_unyank", responses={200: RevisionSerializer, **ERRORS})
    def delete(self, request: Request, owner: str, name: str, commit: str) -> Response:
        """Take a yank back."""
        revision = find_revision(find_module(f"{owner}/{name}", request.user), commit)
        unyank_revision(user=user_of(request), revision=revision)
        return Response(revision_item(revision))
