"""Is the hub alive (/healthz), and would a job submitted now be run (/readyz)? 200 or 503."""

from django.db import DatabaseError, connection
from django.http import HttpRequest, JsonResponse

from hub.jobs.models import Worker
from hub.registry.services.vectors import sentence_model_state


def healthz(request: HttpRequest) -> JsonResponse:
    """Web and database."""
    parts = {"web": "ok", "database": _database()}
    return _answer(parts)


def readyz(request: HttpRequest) -> JsonResponse:
    """Web, database, and a worker that was seen in the last 30 seconds; also whether modules are found by meaning, which
    a hub can do without."""
    parts = {"web": "ok", "database": _database()}
    parts["worker"] = _worker() if parts["database"] == "ok" else "unknown"
    return _answer(parts, sentence_model=sentence_model_state())


def _answer(parts: dict[str, str], **notes: str) -> JsonResponse:
    healthy = all(state == "ok" for state in parts.values())
    response = JsonResponse(
        {"status": "ok" if healthy else "unavailable", **parts, **notes}, status=200 if healthy else 503
    )
    response.headers["Cache-Control"] = "no-store"
    return response


def _database() -> str:
    try:
        with connection.cursor() as cursor:
            cursor.execute("SELECT 1")
    except DatabaseError:
        return "unavailable"
    return "ok"


def _worker() -> str:
    try:
        seen = Worker.objects.alive().exists()
    except DatabaseError:
        return "unknown"
    return "ok" if seen else "none seen in the last 30 seconds"
