"""manage.py runhub: prepare the hub, then run its web server and its worker until Ctrl-C or SIGTERM."""

import fcntl
import json
import signal
import socket
import sys
import time
import urllib.error
import urllib.request
from argparse import ArgumentParser
from pathlib import Path
from typing import Any

from django.conf import settings
from django.core.management.base import BaseCommand, CommandError
from django.db import connections

from hub import embedded, prepare, supervisor

STOP_SECONDS = 7.0  # for the children; the database needs about one more
PORT_PATIENCE = 15.0  # seconds for the web server of a hub that was just killed


class Command(BaseCommand):
    help = "Prepare the hub, then run web server and worker. Ctrl-C or SIGTERM stops everything."
    requires_system_checks = []
    _stop = False

    def add_arguments(self, parser: ArgumentParser) -> None:
        parser.add_argument(
            "--skip-content", action="store_true", help="no base model and no starter modules"
        )
        parser.add_argument("--setup-only", action="store_true", help="prepare everything, start nothing")
        parser.add_argument("--with-parent", action="store_true", help="stop when the parent process ends")

    def handle(self, *args: Any, **options: Any) -> None:
        if options["with_parent"]:
            supervisor.die_with_parent()
        for number in (signal.SIGINT, signal.SIGTERM, signal.SIGHUP):
            signal.signal(number, self._on_signal)
        children: list[supervisor.Child] = []
        with (settings.HUB_DATA / "runhub.lock").open("a") as lock:
            try:
                fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
            except BlockingIOError as error:
                raise CommandError(f"A hub already runs on {settings.HUB_DATA}. Stop it first.") from error
            try:
                account = self._prepare(skip_content=options["skip_content"])
                if options["setup_only"]:
                    return
                self._wait_for_port()
                children += self._children()
                self._run(children, account)
            except Stopped:
                pass
            finally:
                self._finish(children)

    def _on_signal(self, number: int, frame: Any) -> None:
        if not self._stop:
            self._stop = True
            raise Stopped

    def _prepare(self, *, skip_content: bool) -> tuple[str, str] | None:
        self._say(f"data in {settings.HUB_DATA}")
        if settings.EMBEDDED_DATABASE:
            embedded.ensure_running(settings.HUB_DATA)
        prepare.migrate(self._say)
        prepare.collect_static(self._say)
        account = prepare.first_user()
        if account:
            self._say(f"first account made: {account[0]}")
        if not skip_content:
            prepare.base_model(self._say)
            prepare.embedding_model(self._say)
            prepare.starter_modules(self._say)
        connections.close_all()
        return account

    def _wait_for_port(self) -> None:
        deadline = time.monotonic() + PORT_PATIENCE
        while True:
            try:
                socket.create_server((settings.HUB_BIND, settings.HUB_PORT)).close()
            except OSError as error:
                if time.monotonic() > deadline:
                    other = f"HUB_PORT={settings.HUB_PORT + 1} make run"
                    raise CommandError(
                        f"Port {settings.HUB_PORT} is in use. Choose another: {other}"
                    ) from error
                time.sleep(0.3)
            else:
                return

    def _children(self) -> list[supervisor.Child]:
        logs: Path = settings.HUB_DATA / "logs"
        logs.mkdir(exist_ok=True)
        address = f"[{settings.HUB_BIND}]" if ":" in settings.HUB_BIND else settings.HUB_BIND
        options = {
            "--bind": f"{address}:{settings.HUB_PORT}",
            "--worker-class": "gthread",
            "--threads": str(settings.HUB_WEB_THREADS),
            "--timeout": "120",
            "--graceful-timeout": "5",
            "--worker-tmp-dir": str(settings.HUB_DATA / "run-web"),
            "--access-logfile": "-",
        }
        flags = [part for pair in options.items() for part in pair]
        web = [sys.executable, "-m", "gunicorn", "hub.wsgi:application", "--no-control-socket", *flags]
        (settings.HUB_DATA / "run-web").mkdir(exist_ok=True)
        worker = [sys.executable, "-m", "hub.worker", "--concurrency", str(settings.HUB_WORKERS)]
        return [
            supervisor.Child("the web server", web, logs / "web.log", settings.ROOT),
            supervisor.Child("the worker", worker, logs / "worker.log", settings.ROOT),
        ]

    def _run(self, children: list[supervisor.Child], account: tuple[str, str] | None) -> None:
        ready = False
        while True:
            for child in children:
                if note := child.watch():
                    self._say(note)
            if not ready and self._is_ready():
                ready = True
                self._greet(account)
            time.sleep(0.25)

    def _is_ready(self) -> bool:
        try:
            with urllib.request.urlopen(f"{self._address()}/readyz", timeout=5) as answer:
                return bool(json.load(answer)["status"] == "ok")
        except (urllib.error.URLError, OSError, ValueError, KeyError):
            return False

    def _greet(self, account: tuple[str, str] | None) -> None:
        self.stdout.write(f"\nready   {self._address()}\n")
        if account:
            self.stdout.write(f"\n  Sign in as {account[0]} with the password {account[1]}")
            self.stdout.write(f"  (kept in {prepare.first_user_file()}; change it in Settings)\n")
        self.stdout.write(f"  Logs in {settings.HUB_DATA / 'logs'}. Ctrl-C stops everything.\n")
        self.stdout.flush()

    def _finish(self, children: list[supervisor.Child]) -> None:
        self._stop = True  # a second Ctrl-C changes nothing
        if children:
            self._say("stopping")
            if not supervisor.stop_all(children, seconds=STOP_SECONDS):
                self._say("a process did not stop in time and was ended; its job goes on at the next start")
        connections.close_all()
        if settings.EMBEDDED_DATABASE:
            embedded.stop(settings.HUB_DATA, seconds=2.5)
        if children:
            self._say("stopped")

    def _address(self) -> str:
        host = "127.0.0.1" if settings.HUB_BIND in ("0.0.0.0", "::") else settings.HUB_BIND
        return f"http://{f'[{host}]' if ':' in host else host}:{settings.HUB_PORT}"

    def _say(self, text: str) -> None:
        self.stdout.write(f"  {text}")
        self.stdout.flush()


class Stopped(Exception):
    """Ctrl-C, SIGTERM, or the end of the terminal."""
