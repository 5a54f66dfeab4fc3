"""REST: like a module, who likes it, and what a person likes."""

from typing import Any

from django.shortcuts import get_object_or_404
from drf_spectacular.utils import extend_schema
from rest_framework import serializers
from rest_framework.request import Request
from rest_framework.response import Response

from hub.accounts.models import User
from hub.api_pages import Pages
from hub.community import services
from hub.registry.api.serializers import ErrorSerializer
from hub.registry.api.views import RegistryView, user_of
from hub.registry.services import find_module

ERRORS = dict.fromkeys((401, 403, 404), ErrorSerializer)


class LikeSerializer(serializers.Serializer[Any]):
    likes = serializers.IntegerField(help_text="How many people like the module.")
    liked = serializers.BooleanField(help_text="Whether you do.")


class LikerSerializer(serializers.Serializer[Any]):
    user = serializers.CharField(source="username")


class LikedSerializer(serializers.Serializer[Any]):
    module = serializers.CharField(source="full_name")
    likes = serializers.IntegerField()


class LikeView(RegistryView):
    @extend_schema(operation_id="like_retrieve", responses={200: LikeSerializer, **ERRORS})
    def get(self, request: Request, owner: str, name: str) -> Response:
        """How many like a module, and whether you do."""
        module = find_module(f"{owner}/{name}", request.user)
        return Response({"likes": module.likes, "liked": services.likes(request.user, module)})

    @extend_schema(operation_id="like_set", request=None, responses={200: LikeSerializer, **ERRORS})
    def put(self, request: Request, owner: str, name: str) -> Response:
        """Like a module. Saying so again changes nothing."""
        module = find_module(f"{owner}/{name}", request.user)
        return Response({"likes": services.like(user=user_of(request), module=module), "liked": True})

    @extend_schema(operation_id="like_delete", responses={200: LikeSerializer, **ERRORS})
    def delete(self, request: Request, owner: str, name: str) -> Response:
        """Like a module no more."""
        module = find_module(f"{owner}/{name}", request.user)
        return Response({"likes": services.unlike(user=user_of(request), module=module), "liked": False})


class LikersView(RegistryView):
    pagination_class = Pages

    @extend_schema(operation_id="likers_list", responses={200: LikerSerializer(many=True), **ERRORS})
    def get(self, request: Request, owner: str, name: str) -> Response:
        """Who likes a module, the latest first."""
        rows = services.likers(find_module(f"{owner}/{name}", request.user))
        pages = Pages()
        page = pages.paginate_queryset(rows, request, view=self)
        return pages.get_paginated_response(LikerSerializer(page, many=True).data)


class LikedView(RegistryView):
    pagination_class = Pages

    @extend_schema(operation_id="user_likes_list", responses={200: LikedSerializer(many=True), **ERRORS})
    def get(self, request: Request, name: str) -> Response:
        """The modules that a person likes, as far as you may see them, the latest first."""
        person = get_object_or_404(User, username__iexact=name.replace("\0", ""), is_active=True)
        rows = services.liked_modules(person, request.user).select_related("namespace")
        pages = Pages()
        page = pages.paginate_queryset(rows, request, view=self)
        return pages.get_paginated_response(LikedSerializer(page, many=True).data)
