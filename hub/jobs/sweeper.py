"""Sends again what the broker or a dead worker forgot. Run every few seconds, by any number of processes."""

from datetime import timedelta

from django.db.models import Q
from django.db.models.functions import Now

from hub.jobs.models import Job, Worker
from hub.jobs.queue import wake

SEND_AGAIN_AFTER = timedelta(seconds=12)
AT_ONCE = 8  # the oldest few are enough, and a long queue does not flood the broker
FORGET_WORKER_AFTER = timedelta(days=1)


def sweep() -> list[int]:
    """The ids of the queued and abandoned jobs whose message was sent again."""
    Worker.objects.filter(last_seen__lt=Now() - FORGET_WORKER_AFTER).delete()
    not_sent_lately = Q(sent_at__isnull=True) | Q(sent_at__lt=Now() - SEND_AGAIN_AFTER)
    due = Job.objects.claimable().filter(not_sent_lately).order_by("created_at").values_list("pk", flat=True)
    sent = []
    for job_id in list(due[:AT_ONCE]):
        if not wake(job_id):
            break
        sent.append(job_id)
    return sent
