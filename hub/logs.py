"""One log record, one line: a user's text cannot forge a line or move the terminal's cursor."""

import logging

ESCAPES = {code: f"\\x{code:02x}" for code in (*range(32), 127, *range(128, 160)) if code != 9}


class LineFormatter(logging.Formatter):
    def format(self, record: logging.LogRecord) -> str:
        trace, record.exc_info, record.exc_text = record.exc_info, None, None
        line = super().format(record).translate(ESCAPES)
        record.exc_info = trace
        return f"{line}\n{self.formatException(trace)}" if trace else line
