"""The Celery application: `celery -A hub.celery worker`. Tasks carry a row's id; the row is the truth."""

import os

from celery import Celery

from hub import broker  # noqa: F401 (makes "hubfiles://" known)
from hub.jobs.presence import Pulse
from hub.registry.pulse import VectorPulse

os.environ.setdefault("DJANGO_SETTINGS_MODULE", "hub.settings")

app = Celery("hub")
app.config_from_object("django.conf:settings", namespace="CELERY")
app.autodiscover_tasks()
app.steps["worker"].add(Pulse)  # the worker's parent says that it lives, and sweeps
VectorPulse.also.append("hub.transfers.services.send_again")  # imports whose message or worker was lost
app.steps["worker"].add(VectorPulse)  # and asks for the vectors that modules lack
