"""Waking a worker. The broker may lose, repeat or refuse the message; the job's row stays, and the sweeper sends again."""

import logging

from django.db.models.functions import Now

from hub.jobs.models import Job

log = logging.getLogger(__name__)


def wake(job_id: int) -> bool:
    """Send a job's id to the workers; False if the broker is not there."""
    from hub.jobs.tasks import run_job

    try:
        run_job.apply_async((job_id,), retry=False, ignore_result=True)
    except Exception as error:  # noqa: BLE001  each transport fails with classes of its own
        log.warning("job %s waits for the sweeper, the broker does not answer: %s", job_id, error)
        return False
    Job.objects.filter(pk=job_id).update(sent_at=Now())
    return True
