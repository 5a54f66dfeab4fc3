"""REST: compose jobs of the one who asks. A stranger's job answers 404."""

from typing import Any

from django.shortcuts import get_object_or_404
from drf_spectacular.utils import extend_schema
from rest_framework.request import Request
from rest_framework.response import Response
from rest_framework.views import APIView

from hub.accounts.models import User
from hub.api import ApiError, SignedIn
from hub.api_idempotency import key_of
from hub.api_pages import Pages
from hub.api_schema import KEY
from hub.jobs import services
from hub.jobs.errors import JobRefused
from hub.jobs.models import Job
from hub.jobs.serializers import (
    CandidateSerializer,
    JobDetailSerializer,
    JobRequestSerializer,
    JobSerializer,
    finite,
)


def _find(request: Request, job_id: int) -> Job:
    mine = Job.objects.visible_to(request.user).select_related(
        "base_model", "namespace", "output__module__namespace"
    )
    return get_object_or_404(mine, pk=job_id)


class JobsView(APIView):
    pagination_class = Pages
    permission_classes = [SignedIn]

    @extend_schema(operation_id="jobs_list", responses=JobSerializer(many=True))
    def get(self, request: Request) -> Response:
        """My jobs, the newest first."""
        mine = Job.objects.visible_to(request.user).select_related(
            "base_model", "namespace", "output__module__namespace"
        )
        if status := request.query_params.get("status"):
            mine = mine.filter(status=status) if status in Job.Status.values else mine.none()
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
        key = key_of(request)
        assert isinstance(request.user, User)  # by SignedIn
        try:
            submitted = services.submit_job(
                owner=request.user, request=serializer.to_request(), idempotency_key=key
            )
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
