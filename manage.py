#!/usr/bin/env python
"""Django's command line. It starts the hub's own PostgreSQL first, when no DATABASE_URL names another."""

import os
import sys

NEEDS_NO_DATABASE = {
    "help",
    "version",
    "--version",
    "--help",
    "-h",
    "collectstatic",
    "runhub",  # starts it by itself, and says so
    "findstatic",
    "startapp",
    "spectacular",
}


def main() -> None:
    os.environ.setdefault("DJANGO_SETTINGS_MODULE", "hub.settings")
    from django.conf import settings
    from django.core.management import execute_from_command_line

    command = sys.argv[1] if len(sys.argv) > 1 else "help"
    if command not in NEEDS_NO_DATABASE and settings.EMBEDDED_DATABASE:
        from hub import embedded

        embedded.ensure_running(settings.HUB_DATA)
    execute_from_command_line(sys.argv)


if __name__ == "__main__":
    main()
