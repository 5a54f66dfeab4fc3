"""The Celery task: an id comes in, nothing goes out, and it may be delivered twice or not at all."""

from hub.celery import app


@app.task(ignore_result=True, time_limit=900)
def make_export(export_id: int) -> None:
    """Make one export, unless it is made already or in other hands; then throw old ones away."""
    from hub.exports import runner, services  # loads torch: worker only

    runner.make_export(export_id)
    services.clean_up()
