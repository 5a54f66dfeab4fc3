"""REST: compose jobs of the one who asks. A stranger's job answers 404."""

from typing import Any

from django.shortcuts import get_object_or_404
from drf_spectacular.utils import OpenApiParameter, extend_schema
from rest_framework import serializers
from rest_framework.request import Request
from rest_framework.response import Response
from rest_framework.views import APIView

from hub.accounts.models import User
from hub.api import ApiError, MayAsk, SignedIn
from hub.api_idempotency import key_of
from hub.api_pages import Pages
from hub.api_schema import KEY
from hub.jobs import services
from hub.jobs.errors import JobRefused
from hub.jobs.estimate import seconds_for
from hub.jobs.models import Job
from hub.jobs.preflight import ComposeRequest, check_request
from hub.jobs.repeat import request_of
from hub.jobs.serializers import (
    CandidateSerializer,
    JobDetailSerializer,
    JobRequestSerializer,
    JobSerializer,
    finite,
)

# Of a job, and of the rows beside it: what a list does not show and may have megabytes of.
LARGE = ("examples", "holdout", "result", "base_model__layers", "output__card")


def _find(request: Request, job_id: int) -> Job:
    mine = Job.objects.visible_to(request.user).select_related(
        "base_model", "namespace", "output__module__namespace"
    )
    return get_object_or_404(mine, pk=job_id)


class JobsView(APIView):
    pagination_class = Pages
    permission_classes = [SignedIn]

    @extend_schema(
        operation_id="jobs_list",
        parameters=[
            OpenApiParameter("status", str, enum=Job.Status.values, description="Only jobs in this state."),
            OpenApiParameter("base_model", str, description="Only jobs on the base model with this id."),
        ],
        responses=JobSerializer(many=True),
    )
    def get(self, request: Request) -> Response:
        """My jobs, the newest first."""
        mine = Job.objects.visible_to(request.user).select_related(
            "base_model", "namespace", "output__module__namespace"
        )
        mine = mine.defer(*LARGE)
        if status := request.query_params.get("status"):
            mine = mine.filter(status=status) if status in Job.Status.values else mine.none()
        if base_model := request.query_params.get("base_model", "").replace("\0", ""):
            mine = mine.filter(base_model__model_id=base_model)
        pages = Pages()
        page = pages.paginate_queryset(mine, request, view=self)
        return pages.get_paginated_response(JobSerializer(page, many=True).data)

    @extend_schema(
        operation_id="jobs_create",
        parameters=[KEY],
        request=JobRequestSerializer,
        responses={201: JobDetailSerializer, 200: JobDetailSerializer},
    )
    def post(self, request: Request) -> Response:
        """Compose. Everything wrong with the request is named before anything is stored."""
        serializer = JobRequestSerializer(data=request.data)
        serializer.is_valid(raise_exception=True)
        return _submit(request, serializer.to_request())


def _submit(request: Request, wanted: ComposeRequest) -> Response:
    assert isinstance(request.user, User)  # by SignedIn
    try:
        submitted = services.submit_job(owner=request.user, request=wanted, idempotency_key=key_of(request))
    except JobRefused as error:
        raise ApiError(error.code, str(error), error.status, error.fields) from error
    status = 201 if submitted.created else 200
    return Response(JobDetailSerializer(_find(request, submitted.job.pk)).data, status=status)


class JobView(APIView):
    permission_classes = [SignedIn]

    @extend_schema(operation_id="jobs_retrieve", responses=JobDetailSerializer)
    def get(self, request: Request, job_id: int) -> Response:
        """One job: status, progress, weights, arms, result, error."""
        return Response(JobDetailSerializer(_find(request, job_id)).data)


class CheckSerializer(serializers.Serializer[Any]):
    seconds = serializers.FloatField(allow_null=True, help_text="How long it may run; null if not known.")
    waiting = serializers.IntegerField(help_text="Unfinished jobs on this hub.")


class CheckView(APIView):
    permission_classes = [MayAsk]

    @extend_schema(operation_id="jobs_check", request=JobRequestSerializer, responses=CheckSerializer)
    def post(self, request: Request) -> Response:
        """Whether a request would be accepted, and how long it may take. Stores nothing."""
        serializer = JobRequestSerializer(data=request.data)
        serializer.is_valid(raise_exception=True)
        wanted = serializer.to_request()
        assert isinstance(request.user, User)  # by MayAsk
        try:
            check_request(request.user, wanted)
        except JobRefused as error:
            raise ApiError(error.code, str(error), error.status, error.fields) from error
        waiting = Job.objects.unfinished().count()
        return Response(CheckSerializer({"seconds": seconds_for(wanted), "waiting": waiting}).data)


class RerunView(APIView):
    permission_classes = [SignedIn]

    @extend_schema(
        operation_id="jobs_rerun",
        request=None,
        parameters=[KEY],
        responses={201: JobDetailSerializer, 200: JobDetailSerializer},
    )
    def post(self, request: Request, job_id: int) -> Response:
        """Once more, with the same revisions, rows, settings and seed: a new job, and a new module."""
        return _submit(request, request_of(_find(request, job_id)))


class CandidatesView(APIView):
    pagination_class = Pages
    permission_classes = [SignedIn]

    @extend_schema(operation_id="jobs_candidates", responses=CandidateSerializer(many=True))
    def get(self, request: Request, job_id: int) -> Response:
        """Every combination that was tried, in the order of trying."""
        job = _find(request, job_id)
        rows: list[dict[str, Any]] = [
            {
                "generation": generation.index,
                "weights": [finite(w) for w in weights],
                "loss": finite(loss),
                "objective": finite(objective),
            }
            for generation in job.generations.order_by("index")
            for weights, loss, objective in zip(
                generation.candidates, generation.losses, generation.objectives, strict=True
            )
        ]
        pages = Pages()
        page = pages.paginate_queryset(rows, request, view=self)
        return pages.get_paginated_response(page)


class CancelView(APIView):
    permission_classes = [SignedIn]

    @extend_schema(operation_id="jobs_cancel", request=None, responses=JobDetailSerializer)
    def post(self, request: Request, job_id: int) -> Response:
        """Stop a job: at once while it waits, within seconds while it runs. 409 if it has ended otherwise."""
        job = services.cancel_job(_find(request, job_id))
        if job.is_finished and job.status != Job.Status.CANCELLED:
            raise ApiError("already_finished", f"Job {job.pk} has already {job.status}.", 409)
        return Response(JobDetailSerializer(_find(request, job_id)).data)
