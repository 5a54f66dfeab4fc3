"""blobs/{sha256}/: which modules have this very file? cards/check/: what a card says, and what is wrong with its header."""

import re
from typing import Any

from drf_spectacular.utils import extend_schema
from rest_framework import serializers
from rest_framework.request import Request
from rest_framework.response import Response

from hub.api import ApiError, MayAsk
from hub.registry.api.serializers import ErrorSerializer
from hub.registry.api.views import RegistryView
from hub.registry.models import File, Module
from hub.registry.services.card_header import claimed_evaluations, header_problems
from hub.registry.services.metadata import read_card

MOST_USES = 100
ERRORS = dict.fromkeys((400, 401, 404), ErrorSerializer)


class UseSerializer(serializers.Serializer[Any]):
    module = serializers.CharField()
    revision = serializers.CharField()
    path = serializers.CharField()
    is_newest = serializers.BooleanField(help_text="Is it in the module's newest revision?")


class BlobSerializer(serializers.Serializer[Any]):
    sha256 = serializers.CharField()
    size = serializers.IntegerField(help_text="Bytes.")
    git_sha1 = serializers.CharField(help_text="git's id of it.")
    uses = UseSerializer(many=True, help_text=f"The newest first, at most {MOST_USES}.")


class BlobView(RegistryView):
    @extend_schema(operation_id="blobs_read", responses={200: BlobSerializer, **ERRORS})
    def get(self, request: Request, sha256: str) -> Response:
        """The file with this sha256, and the modules that have it, as far as you may see them."""
        rows = File.objects.none()
        if re.fullmatch(r"[0-9a-fA-F]{64}", sha256):
            rows = File.objects.filter(
                blob__sha256=sha256.lower(), revision__module__in=Module.objects.visible_to(request.user)
            )
        files = list(
            rows.select_related("blob", "revision__module__namespace").order_by("-revision_id", "path")[
                :MOST_USES
            ]
        )
        if not files:
            raise ApiError("unknown_blob", "No module that you may see has a file with this sha256.", 404)
        blob = files[0].blob
        uses = [
            {
                "module": file.revision.module.full_name,
                "revision": file.revision.commit,
                "path": file.path,
                "is_newest": file.revision_id == file.revision.module.head_id,
            }
            for file in files
        ]
        return Response({"sha256": blob.sha256, "size": blob.size, "git_sha1": blob.git_sha1, "uses": uses})


class CardSerializer(serializers.Serializer[Any]):
    card = serializers.CharField(
        trim_whitespace=False,
        allow_blank=True,
        max_length=1_000_000,
        help_text="A README.md, header included.",
    )


class ClaimSerializer(serializers.Serializer[Any]):
    name = serializers.CharField()
    metric = serializers.CharField()
    value = serializers.FloatField()


class CardCheckSerializer(serializers.Serializer[Any]):
    problems = serializers.ListField(
        child=serializers.CharField(), help_text="Sentences; empty if it is well formed."
    )
    base_model = serializers.CharField()
    summary = serializers.CharField()
    task = serializers.CharField()
    tags = serializers.ListField(child=serializers.CharField())
    languages = serializers.ListField(child=serializers.CharField())
    license = serializers.CharField()
    dataset = serializers.CharField()
    evaluations = ClaimSerializer(many=True, help_text="From model-index; shown as claimed.")


class CardCheckView(RegistryView):
    permission_classes = [MayAsk]

    @extend_schema(
        operation_id="cards_check", request=CardSerializer, responses={200: CardCheckSerializer, **ERRORS}
    )
    def post(self, request: Request) -> Response:
        """What the hub would read from a card's YAML header, and what is wrong with it. Stores nothing."""
        form = CardSerializer(data=request.data)
        form.is_valid(raise_exception=True)
        text = form.validated_data["card"]
        said = read_card(text)[1]
        return Response(
            {
                "problems": header_problems(text),
                "base_model": said.base_model,
                "summary": said.summary,
                "task": said.task,
                "tags": list(said.tags),
                "languages": list(said.languages),
                "license": said.license,
                "dataset": said.dataset,
                "evaluations": [
                    {"name": row.name, "metric": row.metric, "value": row.value}
                    for row in claimed_evaluations(text)
                ],
            }
        )
