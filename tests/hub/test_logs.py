"""A user's text cannot forge a log line."""

import logging
import sys

from hub.logs import LineFormatter


def _format(message: str, **extra) -> str:
    return LineFormatter("%(message)s").format(logging.makeLogRecord({"msg": message} | extra))


def test_control_characters_are_escaped():
    assert _format("a\r\nb\x1b[31mc\x9b") == "a\\x0d\\x0ab\\x1b[31mc\\x9b"


def test_a_traceback_keeps_its_lines():
    try:
        raise ValueError("x")
    except ValueError:
        text = _format("failed", exc_info=sys.exc_info())
    assert text.splitlines()[0] == "failed"
    assert text.splitlines()[-1] == "ValueError: x"
