"""The fixtures of the job tests."""

from tests.hub.jobs.conftest import base_model, modules, submit, tiny_base, tiny_modules  # noqa: F401
