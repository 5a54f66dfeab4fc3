"""modules/, modules/{owner}/{name}/, modules/{owner}/{name}/revisions/, base-models/."""

from typing import Any

from django.db import transaction
from django.http import QueryDict
from django.urls import reverse
from drf_spectacular.utils import OpenApiParameter, extend_schema
from rest_framework.parsers import FormParser, MultiPartParser
from rest_framework.request import Request
from rest_framework.response import Response
from rest_framework.views import APIView

from hub.accounts.models import Namespace, User
from hub.api import ApiError, SafeJSONParser
from hub.api_idempotency import idempotent
from hub.api_pages import Pages
from hub.registry import search as finder
from hub.registry.api import serializers
from hub.registry.api.representation import detail, item, lean_items, revision_item
from hub.registry.models import BaseModel, Module
from hub.registry.services import (
    PublishError,
    RegistryError,
    delete_module,
    find_module,
    find_revision,
    is_renamed,
    metadata_of,
    publish_revision,
    require_write,
    set_gate,
    update_module,
)
from hub.registry.storage import FileCorrupt
from hub.registry.uploads import uploaded

ERRORS = dict.fromkeys((400, 401, 403, 404, 409, 413), serializers.ErrorSerializer)
FILTERS = [
    OpenApiParameter("search", str, description="Words, or beginnings of words; typos are forgiven."),
    OpenApiParameter("base_model", str, description="Id of a base model; any facet may be repeated."),
    OpenApiParameter("task", str),
    OpenApiParameter("language", str),
    OpenApiParameter("license", str),
    OpenApiParameter("dataset", str),
    OpenApiParameter("tag", str),
    OpenApiParameter("type", str, description="PEFT type, such as LORA."),
    OpenApiParameter("rank", int),
    OpenApiParameter("author", str, description="Owner of the modules."),
    OpenApiParameter("composable", bool, description="Only modules that can be composed here."),
    OpenApiParameter(
        "sort", str, enum=list(finder.SORTS), description="Default: relevance with a search, else newest."
    ),
]


class RegistryView(APIView):
    """Turns the registry's refusals into the API's errors. Its services ask the policy, so fine-grained tokens may come."""

    grants_checked = True

    def handle_exception(self, exc: Exception) -> Response:
        if isinstance(exc, PublishError):
            exc = ApiError(exc.code, exc.detail, exc.status, fields=_named(exc.fields))
        elif isinstance(exc, RegistryError):
            exc = ApiError(exc.code, exc.detail, exc.status)
        elif isinstance(exc, FileCorrupt):
            exc = ApiError(exc.code, str(exc), 503)
        return super().handle_exception(exc)


class ModuleListView(RegistryView):
    pagination_class = Pages
    parser_classes = [MultiPartParser, FormParser, SafeJSONParser]

    @extend_schema(
        operation_id="modules_list", parameters=FILTERS, responses=serializers.ModuleItemSerializer(many=True)
    )
    def get(self, request: Request) -> Response:
        """Find modules. `count`, `next`, `previous` and `results`."""
        sort = request.query_params.get("sort", "")
        if sort and sort not in finder.SORTS:
            raise ApiError(
                "bad_sort",
                f"sort must be one of {', '.join(finder.SORTS)}.",
                fields={"sort": ["Unknown order."]},
            )
        search = finder.read_search(request.query_params)
        pages = Pages()
        rows: list[Any] = (
            pages.paginate_queryset(lean_items(finder.Finder(search, request.user).rows()), request, self)
            or []
        )
        return pages.get_paginated_response([item(row, request) for row in rows])

    @extend_schema(
        operation_id="modules_create",
        request={"multipart/form-data": serializers.ModuleCreateSerializer},
        responses={201: serializers.ModuleDetailSerializer, **ERRORS},
    )
    @idempotent()
    def post(self, request: Request) -> Response:
        """Publish a module. Everything is checked first; if anything is wrong, nothing is stored."""
        form = serializers.ModuleCreateSerializer(data=_multipart(request))
        form.is_valid(raise_exception=True)
        name = form.validated_data["name"]
        if owner := form.validated_data.get("owner"):
            name = f"{owner}/{name}"
        namespace, name = namespace_and_name(request, name)
        with uploaded(form.validated_data["files"]) as files:
            revision = publish_revision(
                user=user_of(request),
                namespace=namespace,
                name=name,
                files=files,
                metadata=form.metadata(),
                private=form.is_private(),
            )
        body = detail(revision.module, revision, request)
        return Response(body, status=201, headers={"Location": body["url"]})


class ModuleView(RegistryView):
    @extend_schema(
        operation_id="modules_read",
        parameters=[OpenApiParameter("revision", str, description="main, v2 or a commit; default main.")],
        responses={200: serializers.ModuleDetailSerializer, **ERRORS},
    )
    def get(self, request: Request, owner: str, name: str) -> Response:
        """One module, its files, evaluations, revisions and parents."""
        module = find_module(f"{owner}/{name}", request.user)
        if is_renamed(module, f"{owner}/{name}"):
            return _moved(module, request)
        return Response(
            detail(module, find_revision(module, request.query_params.get("revision", "main")), request)
        )

    @transaction.atomic
    @extend_schema(
        operation_id="modules_update",
        request=serializers.ModulePatchSerializer,
        responses={200: serializers.ModuleDetailSerializer, **ERRORS},
    )
    def patch(self, request: Request, owner: str, name: str) -> Response:
        """Change what is said about a module, or who sees it."""
        module = _own(request, owner, name)
        form = serializers.ModulePatchSerializer(data=request.data)
        form.is_valid(raise_exception=True)
        update_module(
            user=user_of(request),
            module=module,
            metadata=form.metadata(metadata_of(module)),
            private=form.is_private(module.is_private),
            card=form.validated_data.get("card"),
        )
        given = form.validated_data
        if "gate" in given or "gate_text" in given:
            set_gate(
                user=user_of(request),
                module=module,
                gate=given.get("gate", module.gate),
                text=given.get("gate_text", module.gate_text),
            )
        module = find_module(f"{owner}/{name}", request.user)
        return Response(detail(module, find_revision(module), request))

    @extend_schema(operation_id="modules_delete", responses={204: None, **ERRORS})
    def delete(self, request: Request, owner: str, name: str) -> Response:
        """Delete a module. For a time it can be restored, and nobody gets its name."""
        module = _own(request, owner, name)
        delete_module(user=user_of(request), module=module)
        return Response(status=204)


class RevisionListView(RegistryView):
    parser_classes = [MultiPartParser]
    pagination_class = Pages

    @extend_schema(
        operation_id="revisions_list",
        parameters=[
            OpenApiParameter("yanked", bool, description="Only those that are yanked, or only the others.")
        ],
        responses={200: serializers.RevisionSerializer(many=True), **ERRORS},
    )
    def get(self, request: Request, owner: str, name: str) -> Response:
        """The revisions of a module, the newest first."""
        module = find_module(f"{owner}/{name}", request.user)
        rows = module.revisions.select_related("author")
        if (yanked := request.query_params.get("yanked", "").lower()) in ("true", "false"):
            rows = rows.filter(yanked_at__isnull=yanked == "false")
        pages = Pages()
        page = pages.paginate_queryset(rows, request, self)
        return pages.get_paginated_response([revision_item(row) for row in page])

    @extend_schema(
        operation_id="revisions_create",
        request={"multipart/form-data": serializers.RevisionCreateSerializer},
        responses={201: serializers.ModuleDetailSerializer, **ERRORS},
    )
    @idempotent()
    def post(self, request: Request, owner: str, name: str) -> Response:
        """New files for a module; the ones before stay downloadable under their revision."""
        module = _own(request, owner, name)
        form = serializers.RevisionCreateSerializer(data=_multipart(request))
        form.is_valid(raise_exception=True)
        with uploaded(form.validated_data["files"]) as files:
            revision = publish_revision(
                user=user_of(request),
                namespace=module.namespace,
                name=module.name,
                files=files,
                metadata=form.metadata(metadata_of(module)),
                message=form.validated_data.get("message", ""),
                create=False,
            )
        return Response(detail(revision.module, revision, request), status=201)


class BaseModelListView(RegistryView):
    pagination_class = Pages

    @extend_schema(operation_id="base_models_list", responses=serializers.BaseModelSerializer(many=True))
    def get(self, request: Request) -> Response:
        """The base models that compositions can be made on."""
        pages = Pages()
        rows = pages.paginate_queryset(BaseModel.objects.defer("layers"), request, self) or []
        return pages.get_paginated_response(serializers.BaseModelSerializer(rows, many=True).data)


def _moved(module: Module, request: Request) -> Response:
    """To the module's present name, with the same question."""
    address = reverse("api-module", args=[module.namespace.name, module.name])
    query = request.META.get("QUERY_STRING", "")
    return Response(status=307, headers={"Location": f"{address}?{query}" if query else address})


def user_of(request: Request) -> User:
    """Whoever writes; the permission class has refused visitors before."""
    assert isinstance(request.user, User)
    return request.user


def _own(request: Request, owner: str, name: str) -> Module:
    """The module if the user may change it; 404 if they cannot even see it, else 403."""
    module = find_module(f"{owner}/{name}", request.user)
    require_write(user_of(request), module)
    return module


def namespace_and_name(request: Request, name: str) -> tuple[Namespace, str]:
    """(namespace, name) of `name` or `owner/name`."""
    owner, slash, rest = name.rpartition("/")
    if not slash:
        return user_of(request).namespace, name
    namespace = None if "\0" in owner else Namespace.objects.filter(name__iexact=owner).first()
    if namespace is None or not namespace.can_write(request.user):
        raise PublishError(
            "forbidden", f"You may not publish as {ascii(owner)[1:-1][:96]}.", "name", status=403
        )
    return namespace, rest


def _multipart(request: Request) -> Any:
    """The form's data; `files` is every file sent under that name, `tags` and `languages` may be repeated."""
    data = request.data
    if not isinstance(data, QueryDict):
        raise ApiError(
            "multipart_needed", "Send multipart/form-data with the adapter's files in the field `files`."
        )
    values: dict[str, Any] = {
        name: data.get(name) for name in data if name not in ("files", "tags", "languages")
    }
    for name in ("tags", "languages"):
        if name in data:
            values[name] = data.getlist(name)
    if "files" in request.FILES:
        values["files"] = request.FILES.getlist("files")
    return values


def _named(fields: dict[str, list[str]]) -> dict[str, list[str]]:
    return {name or "non_field_errors": sentences for name, sentences in fields.items()}
