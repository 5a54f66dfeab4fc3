"""The Celery task: an id comes in, nothing goes out, and it may be delivered twice (see sweeper)."""

from django.conf import settings

from hub.celery import app


@app.task(
    ignore_result=True,
    time_limit=settings.JOB_SECONDS + 60,  # the parent kills a child that hangs in native code
)
def run_job(job_id: int) -> None:
    """Run one job, unless it is done, cancelled or in other hands."""
    from hub.jobs import runner  # loads torch: worker only

    runner.run_job(job_id)
