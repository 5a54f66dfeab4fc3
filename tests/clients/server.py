"""The hub's WSGI application on the database and the files of a test, for gunicorn: `gunicorn tests.clients.server`."""

import os

os.environ["DJANGO_SETTINGS_MODULE"] = "hub.settings"

from django.conf import settings

settings.DATABASES["default"]["NAME"] = os.environ["TEST_DATABASE"]
settings.MEDIA_ROOT = os.environ["TEST_MEDIA"]
settings.PASSWORD_HASHERS = ["django.contrib.auth.hashers.MD5PasswordHasher"]

from hub.wsgi import application  # noqa: E402

__all__ = ["application"]
