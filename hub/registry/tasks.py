"""The registry's Celery task. It works on whatever rows need it, so it may be lost, repeated or late."""

from hub.celery import app

SECONDS = 10.0  # of one delivery: jobs wait behind it


@app.task(ignore_result=True, time_limit=120)
def fill_vectors() -> None:
    """Make the vectors and sketches of the modules that have none."""
    from hub.registry.services import sketches, vectors

    vectors.fill_vectors(seconds=SECONDS / 2)
    sketches.fill_sketches(seconds=SECONDS / 2)
