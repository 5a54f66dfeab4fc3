"""/healthz and /readyz."""

from datetime import timedelta

import pytest
from django.db import DatabaseError, connection
from django.utils import timezone

from hub.jobs.models import Worker

pytestmark = pytest.mark.django_db


def test_healthz_answers_for_web_and_database(client):
    answer = client.get("/healthz")
    assert answer.status_code == 200
    assert answer.json() == {"status": "ok", "web": "ok", "database": "ok"}
    assert answer.headers["Cache-Control"] == "no-store"


def test_readyz_needs_a_worker_seen_lately(client):
    assert client.get("/readyz").status_code == 503
    worker = Worker.objects.create(name="w", last_seen=timezone.now() - timedelta(seconds=60))
    assert client.get("/readyz").json()["worker"].startswith("none seen")
    worker.last_seen = timezone.now()
    worker.save()
    assert client.get("/readyz").status_code == 200


@pytest.mark.parametrize("address", ["/healthz", "/readyz"])
def test_a_database_that_fails_is_503(client, address):
    def refuse(execute, sql, parameters, many, context):
        raise DatabaseError("gone")

    with connection.execute_wrapper(refuse):
        answer = client.get(address)
    assert answer.status_code == 503
    assert answer.json()["database"] == "unavailable"
