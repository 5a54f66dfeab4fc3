"""python -m hub.worker [--concurrency 2]: the worker as the hub wants it; stops in order on SIGTERM.

Its children do the jobs and load torch. The parent only watches them, and leaves at once when they are done: taking
Python's own time to tidy up would cost seconds that belong to the jobs.
"""

import logging
import os
import sys

from composer.threads import sleep_while_waiting

OPTIONS = [
    "--pool",
    "prefork",
    "--loglevel",
    "INFO",
    "--without-gossip",
    "--without-mingle",
    "--without-heartbeat",
]


def main() -> None:
    sleep_while_waiting()
    from hub.celery import app

    status: object = 1
    try:
        status = app.start(["worker", *OPTIONS, *sys.argv[1:]])
    except SystemExit as end:
        status = end.code
    finally:
        logging.shutdown()
        sys.stdout.flush()
        sys.stderr.flush()
        os._exit(status if isinstance(status, int) else 0 if status is None else 1)


if __name__ == "__main__":
    main()
