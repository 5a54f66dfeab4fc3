"""Child processes that are started again when they die, and never outlive their parent.

Each child leads a process group of its own: Ctrl-C in the terminal reaches the parent alone, which then stops its
children in order; and whatever a child has started is ended with it. The kernel sends SIGTERM to a child whose
parent was killed (Linux).
"""

import ctypes
import os
import signal
import subprocess
import sys
import time
from collections.abc import Sequence
from contextlib import suppress
from dataclasses import dataclass, field
from pathlib import Path

LOG_LIMIT = 20_000_000  # bytes; a larger log is kept as NAME.1 at the next start
STEADY = 30.0  # seconds after which a child counts as well started
LONGEST_PAUSE = 15.0  # seconds between two tries of a child that keeps dying


def die_with_parent(number: int = signal.SIGTERM) -> None:
    """Ask the kernel to send this signal when the parent of this process ends. Does nothing where it cannot."""
    if sys.platform == "linux":
        with suppress(OSError, AttributeError):
            ctypes.CDLL(None).prctl(1, int(number))  # PR_SET_PDEATHSIG


@dataclass
class Child:
    name: str
    command: Sequence[str]
    log: Path
    folder: Path
    process: subprocess.Popen[bytes] | None = None
    started: float = 0.0
    failures: int = 0
    next_try: float = field(default=0.0)

    def start(self) -> None:
        if self.log.exists() and self.log.stat().st_size > LOG_LIMIT:
            self.log.replace(self.log.with_name(self.log.name + ".1"))
        parent = os.getpid()

        def in_child() -> None:
            die_with_parent()
            if os.getppid() != parent:  # the parent was gone before the kernel knew
                os._exit(1)

        with self.log.open("ab") as out:
            self.process = subprocess.Popen(
                self.command,
                cwd=self.folder,
                stdin=subprocess.DEVNULL,
                stdout=out,
                stderr=out,
                start_new_session=True,
                preexec_fn=in_child,  # this process has one thread
            )
        self.started = time.monotonic()

    def watch(self) -> str | None:
        """Start the child again if it has died; a sentence about that for the person at the terminal."""
        now = time.monotonic()
        if self.process is None:
            if now >= self.next_try:
                self.start()
            return None
        status = self.process.poll()
        if status is None:
            return None
        self._end_group()
        self.process = None
        self.failures = 0 if now - self.started > STEADY else self.failures + 1
        pause = min(LONGEST_PAUSE, 2.0**self.failures - 1)
        self.next_try = now + pause
        reason = f"signal {-status}" if status < 0 else f"status {status}"
        return f"{self.name} ended ({reason}); starting it again in {pause:.0f} s. See {self.log}"

    def _end_group(self) -> None:
        if self.process is not None:
            with suppress(ProcessLookupError, PermissionError):
                os.killpg(self.process.pid, signal.SIGKILL)


def stop_all(children: Sequence[Child], *, seconds: float) -> bool:
    """Ask every child to finish, and end what is left after `seconds`. True if all finished by themselves."""
    running = [child.process for child in children if child.process is not None]
    for process in running:
        if process.poll() is None:
            process.terminate()
    deadline = time.monotonic() + seconds
    clean = True
    for process in running:
        try:
            process.wait(max(0.0, deadline - time.monotonic()))
        except subprocess.TimeoutExpired:
            clean = False
    for child in children:
        child._end_group()
        if child.process is not None:
            with suppress(subprocess.TimeoutExpired):
                child.process.wait(2)
    return clean
