"""The formats of log lines: plain, for the journal of systemd, and JSON."""

from __future__ import annotations

import logging
import re
import time
from typing import Any, Final

from pythonjsonlogger.core import RESERVED_ATTRS
from pythonjsonlogger.json import JsonFormatter

from portal.logs.context import request_id, task_id
from portal.logs.masking import mask

FORMATS: Final = ("plain", "json", "journal")
# Control characters, line separators and lone surrogates: they could forge a line, or stop it from being written.
_UNPRINTABLE: Final = re.compile("[\x00-\x1f\x7f-\x9f\u2028\u2029\ud800-\udfff]")


def create_formatter(kind: str) -> logging.Formatter:
    """The formatter of one of FORMATS."""
    return JsonLineFormatter() if kind == "json" else PlainFormatter(with_time=kind != "journal")


class PlainFormatter(logging.Formatter):
    """`time LEVEL logger [request or task id]: message` in one line. Each line of a traceback is indented.

    Nothing that comes from outside can begin a line, so no line can be forged. Times are in UTC.
    """

    converter = staticmethod(time.gmtime)
    default_msec_format = "%s.%03dZ"

    def __init__(self, *, with_time: bool) -> None:
        super().__init__("{asctime} {levelname} {name}" if with_time else "{levelname} {name}", style="{")

    def format(self, record: logging.LogRecord) -> str:
        if self.usesTime():
            record.asctime = self.formatTime(record, self.datefmt)
        ids = " ".join(filter(None, (request_id.get(), task_id.get())))
        message = f"{self.formatMessage(record)}{f' [{ids}]' if ids else ''}: {record.getMessage()}"
        lines = [_UNPRINTABLE.sub(_escape, mask(message))]
        for text in (self._format_traceback(record), record.stack_info):
            shown = mask(text or "").split("\n")
            lines += [f"    {_UNPRINTABLE.sub(_escape, line)}" for line in shown if line.strip()]
        return "\n".join(lines)

    def _format_traceback(self, record: logging.LogRecord) -> str:
        return self.formatException(record.exc_info) if record.exc_info else ""


class JsonLineFormatter(JsonFormatter):
    """One JSON object in a line: time (UTC), level, logger, message, request_id and task_id if there are any.

    A traceback is in `exc_info`. What is passed as `extra` is added, except the request, which has no JSON form.
    """

    converter = staticmethod(time.gmtime)

    def __init__(self) -> None:
        super().__init__(
            "{asctime}{levelname}{name}{message}",
            style="{",
            datefmt="%Y-%m-%dT%H:%M:%S",
            rename_fields={"asctime": "time", "levelname": "level", "name": "logger"},
            reserved_attrs=[*RESERVED_ATTRS, "request", "color_message"],
        )

    def formatTime(self, record: logging.LogRecord, datefmt: str | None = None) -> str:
        return f"{super().formatTime(record, datefmt)}.{int(record.msecs):03}Z"

    def process_log_record(self, log_data: dict[str, Any]) -> dict[str, Any]:
        ids = {"request_id": request_id.get(), "task_id": task_id.get()}
        return _mask_values(log_data | {name: value for name, value in ids.items() if value})


def _mask_values(value: Any) -> Any:
    """Mask each text, so that the JSON stays well formed. Only known types are kept, all others become texts."""
    if isinstance(value, dict):
        return {str(name): _mask_values(item) for name, item in value.items()}
    if isinstance(value, list | tuple):
        return [_mask_values(item) for item in value]
    if value is None or isinstance(value, bool | int | float):
        return value
    return mask(str(value))


def _escape(found: re.Match[str]) -> str:
    return found[0].encode("unicode_escape").decode("ascii")
