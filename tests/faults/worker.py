"""A Celery worker on the database and the files of a test: `python -m tests.faults.worker`."""

import os

os.environ["DJANGO_SETTINGS_MODULE"] = "hub.settings"

from django.conf import settings

settings.DATABASES["default"]["NAME"] = os.environ["TEST_DATABASE"]
settings.MEDIA_ROOT = os.environ["TEST_MEDIA"]

from hub.celery import app  # noqa: E402

if __name__ == "__main__":
    quiet = ["--without-gossip", "--without-mingle", "--without-heartbeat"]
    app.worker_main(["worker", "--pool", "prefork", "--concurrency", "1", "--loglevel", "INFO", *quiet])
