"""The registry's Celery tasks. They work on whatever rows need it, so they may be lost, repeated or late."""

from hub.celery import app

SECONDS = 10.0  # of one delivery: jobs wait behind it


@app.task(ignore_result=True, time_limit=120)
def fill_vectors() -> None:
    """Make the vectors and sketches of the modules that have none."""
    from hub.registry.services import sketches, vectors

    vectors.fill_vectors(seconds=SECONDS / 2)
    sketches.fill_sketches(seconds=SECONDS / 2)


@app.task(ignore_result=True, time_limit=1800)
def collect_garbage() -> None:
    """Remove files that nothing refers to any more, unless another worker is at it; and old idempotency keys."""
    from hub.accounts import idempotency
    from hub.registry.services import garbage

    idempotency.clean_up()

    garbage.collect_garbage()
