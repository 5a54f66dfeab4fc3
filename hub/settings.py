"""The hub's only settings file. Every knob is an environment variable; a bad value stops the start.

HUB_DATA           ./data    everything the hub keeps: database, files, base models, logs
HUB_PORT           8000      port of the web server (HUB_BIND: its address, 127.0.0.1)
HUB_HOSTS          -         further host names the site answers to, separated by commas ("*": any)
HUB_HTTPS          0         1: a proxy in front speaks https (secure cookies, HSTS)
HUB_DEBUG          0         1: Django's debug pages; never in production
HUB_WORKERS        1         jobs that run at the same time on this machine
HUB_JOB_SECONDS    3600      longest run of one job
HUB_WEB_THREADS    8         requests that are answered at the same time
HUB_LOG_LEVEL      INFO
HUB_UPLOAD_LIMIT   500       largest upload in MB
HUB_HF_REQUESTS    3000      requests in five minutes by one client of the Hugging Face protocol
HUB_API_REQUESTS   3000      requests in five minutes by one user, or one address without a token, of the REST API
HUB_LFS_PART       64        MB in one part of a multipart upload
HUB_QUOTA_GB       50        what the modules of one user or organisation may take, unless the admin says otherwise
HUB_QUOTA_MODULES  1000      how many modules one user or organisation may have, likewise
HUB_TOMBSTONE_DAYS 90        how long a deleted module can be restored, and nobody gets its name
HUB_DISK_FLOOR     500       MB that stay free on the disk: with less, uploads are refused
HUB_IMPORT_HOSTS   huggingface.co   hosts that modules may be imported from, separated by commas; one at a private address is
                             written as a whole origin, http://10.0.0.5:8000
HUB_S3_BUCKET      -         keep files in this S3 bucket instead of HUB_DATA/files; credentials: AWS_ACCESS_KEY_ID,
                             AWS_SECRET_ACCESS_KEY or the machine's role
HUB_S3_ENDPOINT    -         address of an S3 that is not Amazon's; HUB_S3_REGION, HUB_S3_PREFIX (a folder in the bucket)
HUB_S3_REDIRECT    1         downloads are sent to S3 with a signed address; 0: they pass through the hub
SECRET_KEY         -         default: made once, kept in HUB_DATA/secret_key
DATABASE_URL       -         default: the embedded PostgreSQL in HUB_DATA
CELERY_BROKER_URL  -         default: a queue of files in HUB_DATA
"""

import os
import secrets
from pathlib import Path
from typing import Any
from urllib.parse import parse_qsl, unquote, urlsplit

from django.core.exceptions import ImproperlyConfigured

from hub import embedded

ROOT = Path(__file__).resolve().parent.parent


def env_bool(name: str, default: bool) -> bool:
    value = os.environ.get(name, "").strip().lower()
    if value in ("", "1", "true", "yes", "on", "0", "false", "no", "off"):
        return default if value == "" else value in ("1", "true", "yes", "on")
    raise ImproperlyConfigured(f"{name}={value!r}: write 1 or 0")


def env_int(name: str, default: int, low: int, high: int) -> int:
    value = os.environ.get(name, "").strip() or str(default)
    if not value.isdecimal() or not low <= int(value) <= high:
        raise ImproperlyConfigured(f"{name}={value!r}: write a whole number from {low} to {high}")
    return int(value)


def env_choice(name: str, default: str, choices: tuple[str, ...]) -> str:
    value = os.environ.get(name, "").strip() or default
    if value not in choices:
        raise ImproperlyConfigured(f"{name}={value!r}: write one of {', '.join(choices)}")
    return value


def env_list(name: str) -> list[str]:
    return [part.strip() for part in os.environ.get(name, "").split(",") if part.strip()]


def data_folder() -> Path:
    folder = Path(os.environ.get("HUB_DATA", "").strip() or ROOT / "data").expanduser().resolve()
    try:
        folder.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise ImproperlyConfigured(f"HUB_DATA={str(folder)!r} cannot be used: {error.strerror}") from error
    return folder


def secret_key(data: Path) -> str:
    """SECRET_KEY, or the key kept in the data folder: made on the first start, for its owner's eyes only."""
    given = os.environ.get("SECRET_KEY", "").strip()
    if given:
        if len(given) < 32:
            raise ImproperlyConfigured("SECRET_KEY is too short: use 32 characters or more")
        return given
    path = data / "secret_key"
    if not path.exists():
        fresh = path.with_name(f"secret_key.{os.getpid()}")
        fresh.touch(mode=0o600)
        fresh.write_text(secrets.token_urlsafe(50))
        try:
            os.link(fresh, path)  # atomic, and never over a key that another process has just made
        except FileExistsError:
            pass
        finally:
            fresh.unlink()
    return path.read_text().strip()


def database(url: str, data: Path) -> dict[str, Any]:
    """Django's settings for `postgresql://user:password@host:port/name?option=value`; "": embedded."""
    common: dict[str, Any] = {
        "ENGINE": "django.db.backends.postgresql",
        "CONN_MAX_AGE": 60,
        "CONN_HEALTH_CHECKS": True,
    }
    if not url:
        return common | {"NAME": "hub", "USER": embedded.SUPERUSER, "HOST": str(embedded.socket_folder(data))}
    try:
        parts = urlsplit(url)
        port = parts.port
    except ValueError as error:
        raise ImproperlyConfigured(f"DATABASE_URL cannot be read: {error}") from error
    if parts.scheme not in ("postgres", "postgresql") or not parts.path.strip("/"):
        raise ImproperlyConfigured("DATABASE_URL must look like postgresql://user:password@host:5432/name")
    return common | {
        "NAME": unquote(parts.path.strip("/")),
        "USER": unquote(parts.username or ""),
        "PASSWORD": unquote(parts.password or ""),
        "HOST": unquote(parts.hostname or ""),
        "PORT": str(port or ""),
        "OPTIONS": dict(parse_qsl(parts.query)),
    }


def file_storage(bucket: str) -> dict[str, Any]:
    """Django's storage for the blobs: a folder, or S3 by django-storages."""
    if not bucket:
        return {"BACKEND": "django.core.files.storage.FileSystemStorage"}
    endpoint = os.environ.get("HUB_S3_ENDPOINT", "").strip()
    if endpoint and urlsplit(endpoint).scheme not in ("http", "https"):
        raise ImproperlyConfigured(
            f"HUB_S3_ENDPOINT={endpoint!r}: write an address such as https://s3.example.org"
        )
    return {
        "BACKEND": "storages.backends.s3.S3Storage",
        "OPTIONS": {
            "bucket_name": bucket,
            "endpoint_url": endpoint or None,
            "region_name": os.environ.get("HUB_S3_REGION", "").strip() or None,
            "location": os.environ.get("HUB_S3_PREFIX", "").strip().strip("/"),
            "addressing_style": "path" if endpoint else "auto",
            "signature_version": "s3v4",
            "querystring_expire": 600,  # seconds that a signed address is good for
            "file_overwrite": True,  # a name is the sha256 of its bytes
            "max_memory_size": 8_000_000,  # bytes of a file read through the hub, then on disk
            "default_acl": None,
        },
    }


HUB_DATA = data_folder()
HUB_PORT = env_int("HUB_PORT", 8000, 1, 65535)
HUB_BIND = os.environ.get("HUB_BIND", "").strip() or "127.0.0.1"
HUB_WORKERS = env_int("HUB_WORKERS", 1, 1, 64)
HUB_WEB_THREADS = env_int("HUB_WEB_THREADS", 8, 1, 128)
JOB_SECONDS = env_int("HUB_JOB_SECONDS", 3600, 60, 86_400)
HUB_HTTPS = env_bool("HUB_HTTPS", False)
HUB_UPLOAD_LIMIT = env_int("HUB_UPLOAD_LIMIT", 500, 1, 100_000) * 1_000_000  # bytes
HF_REQUESTS = env_int("HUB_HF_REQUESTS", 3000, 10, 10_000_000)
API_REQUESTS = env_int("HUB_API_REQUESTS", 3000, 10, 10_000_000)
LFS_PART = env_int("HUB_LFS_PART", 64, 1, 5000) * 1_000_000  # bytes
HUB_QUOTA_BYTES = env_int("HUB_QUOTA_GB", 50, 1, 1_000_000) * 1_000_000_000
HUB_QUOTA_MODULES = env_int("HUB_QUOTA_MODULES", 1000, 1, 10_000_000)
HUB_TOMBSTONE_DAYS = env_int("HUB_TOMBSTONE_DAYS", 90, 1, 36_500)
HUB_DISK_FLOOR = env_int("HUB_DISK_FLOOR", 500, 0, 10_000_000) * 1_000_000  # bytes
HUB_IMPORT_HOSTS = env_list("HUB_IMPORT_HOSTS") or ["huggingface.co"]
HUB_S3_REDIRECT = env_bool("HUB_S3_REDIRECT", True)
DEBUG = env_bool("HUB_DEBUG", False)
SECRET_KEY = secret_key(HUB_DATA)

# The address that was typed, this machine's loopback, and what HUB_HOSTS adds.
ALLOWED_HOSTS = ["localhost", ".localhost", "127.0.0.1", "[::1]", *env_list("HUB_HOSTS")]
if HUB_BIND not in ("0.0.0.0", "::", "127.0.0.1"):
    ALLOWED_HOSTS.append(HUB_BIND)
CSRF_TRUSTED_ORIGINS = [f"https://{host}" for host in ALLOWED_HOSTS if host != "*"] if HUB_HTTPS else []

INSTALLED_APPS = [
    "hub.accounts",
    "hub.registry",
    "hub.hfapi",
    "hub.jobs",
    "hub.exports",
    "hub.community",
    "hub.transfers",
    "django.contrib.admin",
    "django.contrib.auth",
    "django.contrib.contenttypes",
    "django.contrib.sessions",
    "django.contrib.messages",
    "django.contrib.postgres",
    "whitenoise.runserver_nostatic",
    "django.contrib.staticfiles",
    "django_htmx",
    "rest_framework",
    "drf_spectacular",
]
MIDDLEWARE = [
    "django.middleware.security.SecurityMiddleware",
    "hub.middleware.security_headers",
    "hub.middleware.body_limit",
    "hub.api_rates.rate_headers",
    "whitenoise.middleware.WhiteNoiseMiddleware",
    "django.contrib.sessions.middleware.SessionMiddleware",
    "django.middleware.common.CommonMiddleware",
    "django.middleware.csrf.CsrfViewMiddleware",
    "django.contrib.auth.middleware.AuthenticationMiddleware",
    "django.contrib.messages.middleware.MessageMiddleware",
    "django.middleware.clickjacking.XFrameOptionsMiddleware",
    "django_htmx.middleware.HtmxMiddleware",
]
ROOT_URLCONF = "hub.urls"
WSGI_APPLICATION = "hub.wsgi.application"
TEMPLATES = [
    {
        "BACKEND": "django.template.backends.django.DjangoTemplates",
        "DIRS": [ROOT / "templates"],
        "APP_DIRS": True,
        "OPTIONS": {
            "context_processors": [
                "django.template.context_processors.request",
                "django.contrib.auth.context_processors.auth",
                "django.contrib.messages.context_processors.messages",
            ],
            "builtins": ["hub.template_tags"],
        },
    }
]

EMBEDDED_DATABASE = not os.environ.get("DATABASE_URL", "").strip()
DATABASES = {"default": database(os.environ.get("DATABASE_URL", "").strip(), HUB_DATA)}
DEFAULT_AUTO_FIELD = "django.db.models.BigAutoField"

AUTH_USER_MODEL = "accounts.User"
AUTH_PASSWORD_VALIDATORS = [
    {"NAME": "django.contrib.auth.password_validation.UserAttributeSimilarityValidator"},
    {"NAME": "django.contrib.auth.password_validation.MinimumLengthValidator", "OPTIONS": {"min_length": 10}},
    {"NAME": "django.contrib.auth.password_validation.CommonPasswordValidator"},
    {"NAME": "django.contrib.auth.password_validation.NumericPasswordValidator"},
]
LOGIN_URL = "signin"
LOGIN_REDIRECT_URL = "/"
LOGOUT_REDIRECT_URL = "/"

LANGUAGE_CODE = "en-us"
TIME_ZONE = "UTC"
USE_I18N = False
USE_TZ = True

STATIC_URL = "/static/"
STATIC_ROOT = HUB_DATA / "static"
STATICFILES_DIRS = [ROOT / "static"]
STATIC_HASHED = env_bool("HUB_STATIC_HASHED", not DEBUG)  # needs collectstatic, which runhub does
MEDIA_ROOT = HUB_DATA / "files"  # content-addressed blobs
STORAGES = {
    "default": file_storage(os.environ.get("HUB_S3_BUCKET", "").strip()),
    "staticfiles": {
        "BACKEND": "whitenoise.storage.CompressedManifestStaticFilesStorage"
        if STATIC_HASHED
        else "django.contrib.staticfiles.storage.StaticFilesStorage"
    },
}
WHITENOISE_USE_FINDERS = not STATIC_HASHED
if not STATIC_HASHED:  # WhiteNoise warns about a folder that is not there
    STATIC_ROOT.mkdir(parents=True, exist_ok=True)
DATA_UPLOAD_MAX_MEMORY_SIZE = 12_000_000  # bytes of a form without its files; examples may be 10 MB
DATA_UPLOAD_MAX_NUMBER_FILES = 200
FILE_UPLOAD_TEMP_DIR = str(HUB_DATA / "uploads")
(HUB_DATA / "uploads").mkdir(exist_ok=True)
FILE_UPLOAD_HANDLERS = [
    "django.core.files.uploadhandler.TemporaryFileUploadHandler"
]  # never a large file in memory

SESSION_COOKIE_HTTPONLY = True
SESSION_COOKIE_SAMESITE = "Lax"
SESSION_COOKIE_SECURE = CSRF_COOKIE_SECURE = HUB_HTTPS
SECURE_CONTENT_TYPE_NOSNIFF = True
SECURE_REFERRER_POLICY = "same-origin"
SECURE_CROSS_ORIGIN_OPENER_POLICY = "same-origin"
X_FRAME_OPTIONS = "DENY"
if HUB_HTTPS:
    SECURE_PROXY_SSL_HEADER = ("HTTP_X_FORWARDED_PROTO", "https")
    SECURE_HSTS_SECONDS = 31_536_000
# No inline script or style anywhere, and nothing from another host.
CONTENT_SECURITY_POLICY = (
    "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self' data:; font-src 'self'; "
    "connect-src 'self'; form-action 'self'; base-uri 'none'; frame-ancestors 'none'; manifest-src 'self'"
)

REST_FRAMEWORK = {
    "DEFAULT_AUTHENTICATION_CLASSES": [
        "hub.api.BearerAuthentication",
        "rest_framework.authentication.SessionAuthentication",
    ],
    "DEFAULT_PERMISSION_CLASSES": ["hub.api.ScopePermission"],
    "DEFAULT_RENDERER_CLASSES": ["rest_framework.renderers.JSONRenderer"],
    "DEFAULT_PARSER_CLASSES": [
        "hub.api.SafeJSONParser",
        "rest_framework.parsers.MultiPartParser",
        "rest_framework.parsers.FormParser",
    ],
    "DEFAULT_PAGINATION_CLASS": "hub.api_pages.Pages",
    "DEFAULT_THROTTLE_CLASSES": ["hub.api_rates.Throttle"],
    "DEFAULT_SCHEMA_CLASS": "hub.api_schema.HubSchema",
    "EXCEPTION_HANDLER": "hub.api.exception_handler",
    "UNAUTHENTICATED_USER": "django.contrib.auth.models.AnonymousUser",
    "TEST_REQUEST_DEFAULT_FORMAT": "json",
}
SPECTACULAR_SETTINGS = {
    "TITLE": "LoRA Hub API",
    "DESCRIPTION": "Publish, find, download and compose LoRA modules.",
    "VERSION": "1",
    "SERVE_INCLUDE_SCHEMA": False,
    "SCHEMA_PATH_PREFIX": "/api/v1",
    "COMPONENT_SPLIT_REQUEST": True,
    "OAS_VERSION": "3.1.0",
    "POSTPROCESSING_HOOKS": [
        "drf_spectacular.hooks.postprocess_schema_enums",
        "hub.api_schema.complete",
    ],
    "ENUM_NAME_OVERRIDES": {  # fields called alike, of different choices
        name: [(value, value) for value in values.split()]
        for name, values in {
            "JobStatus": "queued running succeeded failed cancelled",
            "AccessStatus": "pending granted denied revoked",
            "AccessDecision": "granted denied revoked",
            "ExportStatus": "waiting running ready failed",
            "ImportStatus": "waiting running finished failed cancelled",
            "ImportItemStatus": "waiting done same skipped failed",
        }.items()
    },
}

CELERY_BROKER_URL = os.environ.get("CELERY_BROKER_URL", "").strip()
EMBEDDED_BROKER = not CELERY_BROKER_URL
CELERY_BROKER_TRANSPORT_OPTIONS: dict[str, Any] = {}
if EMBEDDED_BROKER:
    CELERY_BROKER_URL = "hubfiles://localhost/"  # see hub.broker
    CELERY_BROKER_TRANSPORT_OPTIONS = {
        "data_folder_in": str(HUB_DATA / "queue" / "messages"),
        "data_folder_out": str(HUB_DATA / "queue" / "messages"),
        "control_folder": str(HUB_DATA / "queue" / "control"),
        "polling_interval": 0.25,  # seconds
    }
    for _folder in ("messages", "control"):
        (HUB_DATA / "queue" / _folder).mkdir(parents=True, exist_ok=True)
CELERY_BROKER_CONNECTION_RETRY_ON_STARTUP = True
CELERY_TASK_IGNORE_RESULT = True  # the job's row holds the result
CELERY_TASK_ACKS_LATE = True
CELERY_TASK_REJECT_ON_WORKER_LOST = False  # the sweeper wakes an abandoned job again, and counts its attempts
CELERY_WORKER_PREFETCH_MULTIPLIER = 1
CELERY_WORKER_ENABLE_REMOTE_CONTROL = False
CELERY_WORKER_HIJACK_ROOT_LOGGER = False
CELERY_TASK_TRACK_STARTED = False

LOGGING = {
    "version": 1,
    "disable_existing_loggers": False,
    "formatters": {
        "line": {"()": "hub.logs.LineFormatter", "format": "%(asctime)s %(levelname)s %(name)s: %(message)s"}
    },
    "handlers": {"stderr": {"class": "logging.StreamHandler", "formatter": "line"}},
    "root": {
        "handlers": ["stderr"],
        "level": env_choice("HUB_LOG_LEVEL", "INFO", ("DEBUG", "INFO", "WARNING", "ERROR")),
    },
    "loggers": {"django.server": {"handlers": ["stderr"], "propagate": False}},
}
