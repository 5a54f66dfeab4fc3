"""The Celery task: an id comes in, nothing goes out, and it may be delivered twice or not at all."""

from hub.celery import app


@app.task(ignore_result=True)
def run_import(import_id: int) -> None:
    from hub.transfers import runner

    runner.run_import(import_id)
