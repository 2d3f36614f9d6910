"""Log lines: one for each message, with ids and priorities, whatever the text."""

import io
import json
import logging
import os

import pytest

from portal.jobs.runner import task
from portal.logs.context import request_id, task_id
from portal.logs.formatters import create_formatter
from portal.logs.handler import ConsoleHandler, get_priority, leads_to_journal

# A forged line, a lone surrogate, a NUL byte, an escape sequence and a line separator.
HOSTILE = "x\n2026-01-01 CRITICAL root: forged\r\udc80\x00\x1b[31m\u2028end"


@pytest.fixture
def log(request):
    """Logs to a text of its own: `log("plain")` returns the logger and a function that reads the text."""
    handlers = []
    request_id.set("")  # that of the last request of another test

    def start(kind: str, **options):
        stream = io.TextIOWrapper(io.BytesIO(), encoding="utf-8", write_through=True)
        handler = ConsoleHandler(stream, **options)
        handler.setFormatter(create_formatter(kind))
        logger = logging.getLogger(f"tests.{request.node.name}")
        logger.addHandler(handler)
        logger.setLevel("DEBUG")
        logger.propagate = False  # reports of parallel tests cannot hold lone surrogates
        handlers.append((logger, handler))
        return logger, lambda: stream.buffer.getvalue().decode()

    yield start
    for logger, handler in handlers:
        logger.removeHandler(handler)


def fail(logger: logging.Logger, message: str) -> None:
    try:
        raise ValueError(message)
    except ValueError:
        logger.exception("It failed")


def test_plain_line_has_time_level_logger_and_message(log):
    logger, read = log("plain")
    logger.warning("%s left", 3)
    line = read()
    assert line.endswith(f" WARNING {logger.name}: 3 left\n")
    assert line[:4].isdigit()
    assert line[23] == "Z", "in UTC"


def test_json_line_has_named_fields(log):
    logger, read = log("json")
    logger.warning("%s left", 3, extra={"status_code": 404, "request": object()})
    line = json.loads(read())
    assert (line["level"], line["logger"], line["message"]) == ("WARNING", logger.name, "3 left")
    assert line["time"].endswith("Z")
    assert line["status_code"] == 404
    assert set(line) == {"time", "level", "logger", "message", "status_code"}


@pytest.mark.parametrize("kind", ["plain", "json", "journal"])
def test_hostile_text_is_one_line_and_forges_none(log, kind):
    logger, read = log(kind)
    logger.info("%s", HOSTILE)
    text = read()
    assert text.isascii()
    assert text.count("\n") == 1
    assert text.endswith("\n")
    assert "forged" in text


def test_each_line_of_a_traceback_is_indented_so_that_none_looks_like_a_message(log):
    logger, read = log("plain")
    fail(logger, HOSTILE)
    first, *others = read().splitlines()
    assert first.endswith("It failed")
    assert any("forged" in line for line in others)
    assert [line for line in others if not line.startswith("    ")] == []


def test_json_traceback_is_in_the_same_line(log):
    logger, read = log("json")
    fail(logger, HOSTILE)
    assert read().count("\n") == 1
    assert "Traceback" in json.loads(read())["exc_info"]


def test_each_line_for_the_journal_has_the_priority_of_its_level(log):
    logger, read = log("journal", is_journal=True)
    logger.info("fine")
    fail(logger, "of no use")
    first, *failure = read().splitlines()
    assert first == f"<6>INFO {logger.name}: fine"
    assert len(failure) > 2
    assert [line for line in failure if not line.startswith("<3>")] == []


@pytest.mark.parametrize(
    ("level", "priority"), [("CRITICAL", 2), ("ERROR", 3), ("WARNING", 4), ("INFO", 6), ("DEBUG", 7)]
)
def test_priorities_are_those_of_syslog(level, priority):
    assert get_priority(getattr(logging, level)) == priority


def test_stream_that_systemd_connected_to_its_journal_is_recognised(tmp_path, monkeypatch):
    with (tmp_path / "journal").open("w") as journal, (tmp_path / "other").open("w") as other:
        status = os.fstat(journal.fileno())
        monkeypatch.setenv("JOURNAL_STREAM", f"{status.st_dev}:{status.st_ino}")
        assert leads_to_journal(journal)
        assert not leads_to_journal(other)
        assert not leads_to_journal(io.StringIO())


@pytest.mark.parametrize("kind", ["plain", "json"])
def test_lines_carry_the_ids_of_request_and_task(log, kind):
    logger, read = log(kind)
    tokens = request_id.set("request-1"), task_id.set("task-1")
    logger.info("within")
    request_id.reset(tokens[0])
    task_id.reset(tokens[1])
    logger.info("outside")
    within, outside = read().splitlines()
    assert "request-1" in within
    assert "task-1" in within
    assert "request-1" not in outside
    assert "task-1" not in outside


@pytest.mark.django_db
def test_lines_of_one_task_have_one_id_and_those_of_another_run_another(log):
    logger, read = log("json")

    @task
    def work() -> None:
        logger.info("begun")
        logger.info("ended")

    work()
    work()
    ids = [json.loads(line)["task_id"] for line in read().splitlines()]
    assert ids[0] == ids[1]
    assert ids[2] == ids[3]
    assert ids[0] != ids[2]
    assert task_id.get() == ""
