"""Importing an account as its user sees it."""

import threading
from collections.abc import Callable
from typing import Any

import pytest
from django.db import connection

from hub.transfers import runner
from hub.transfers.models import Import
from tests.hub.transfers.conftest import allowed, second_hub  # noqa: F401

pytestmark = pytest.mark.django_db(transaction=True)


def test_an_account_is_imported(
    page: Any,
    alice: Any,
    sign_in: Callable[..., None],
    look: Callable[..., None],
    allowed: str,  # noqa: F811
) -> None:
    sign_in(page, alice)
    page.goto("/upload/")
    page.get_by_role("link", name="import from Hugging Face").click()
    page.get_by_label("Module or account").fill("no name")
    page.get_by_label("From").select_option(allowed)
    page.get_by_role("button", name="Import").click()
    page.get_by_text("Write owner/name").wait_for()
    look(page, "import-form")
    page.get_by_label("Module or account").fill("far/*")
    page.get_by_role("button", name="Import").click()
    page.get_by_text("Waiting for a worker").wait_for()
    look(page, "import-waiting")

    def work() -> None:
        runner.run_import(Import.objects.get().pk)
        connection.close()

    worker = threading.Thread(target=work)
    worker.start()
    page.get_by_text("2 imported").wait_for()
    worker.join()
    look(page, "import-done")
    page.get_by_role("link", name="alice/third").click()
    page.wait_for_url("**/alice/third")
