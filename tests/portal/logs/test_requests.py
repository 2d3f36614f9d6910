"""What a request leaves in the log: its id in each line, and one line if it is refused."""

import io
import json
import logging
import socket
from logging.config import dictConfig

import pytest
from django.conf import settings
from django.contrib.auth.models import AnonymousUser
from django.core.exceptions import PermissionDenied
from django.test import Client, RequestFactory
from django.urls import reverse
from django.utils.log import log_response

from tests.factories import MemberFactory

pytestmark = pytest.mark.django_db


@pytest.fixture
def read_lines():
    """The portal's own logging, as JSON, into a text. Returns a function that reads its lines."""
    stream = io.StringIO()
    console = {**settings.LOGGING["handlers"]["console"], "stream": stream}
    line = {"()": "portal.logs.formatters.create_formatter", "kind": "json"}
    handlers = {"console": console, "access": console}
    root_handlers = list(logging.root.handlers)
    dictConfig({**settings.LOGGING, "handlers": handlers, "formatters": {"line": line}})
    yield lambda: [json.loads(text) for text in stream.getvalue().splitlines()]
    dictConfig(settings.LOGGING)
    logging.root.handlers[:] = root_handlers


@pytest.mark.parametrize("given", ["4f2a-7.x_Y", "a" * 64])
def test_well_formed_request_id_is_kept(client, given):
    assert client.get("/healthz", headers={"x-request-id": given}).headers["X-Request-ID"] == given


@pytest.mark.parametrize("given", ["", "a" * 65, "two words", "a\nb", "<b>", "é", "\x00"])
def test_other_request_ids_are_replaced_by_a_new_one(client, given):
    answers = [client.get("/healthz", headers={"x-request-id": given}).headers["X-Request-ID"] for _ in range(2)]
    assert answers[0] != answers[1]
    assert all(len(answer) == 16 for answer in answers)


def test_lines_of_a_request_have_its_id(client, read_lines):
    client.get("/nowhere/", headers={"x-request-id": "mine"})
    (line,) = read_lines()
    assert (line["request_id"], line["message"], line["level"]) == ("mine", "Not Found: /nowhere/", "WARNING")


def test_failed_csrf_check_is_one_line(read_lines):
    Client(enforce_csrf_checks=True).post("/sign-in/", {})
    (line,) = read_lines()
    assert line["message"].startswith("Forbidden (CSRF cookie not set.): /sign-in/")
    assert "exc_info" not in line


def test_refusal_of_the_development_server_which_logs_its_socket_is_one_line(read_lines):
    with socket.socket() as connection:
        extra = {"request": connection, "status_code": 404, "server_time": "now"}
        logging.getLogger("django.server").warning('"%s" %s', "GET /nowhere/ HTTP/1.1", "404", extra=extra)
    (line,) = read_lines()
    assert line["message"] == '"GET /nowhere/ HTTP/1.1" 404'


def test_refused_page_is_one_line_without_a_traceback(client, read_lines):
    member = MemberFactory(role="viewer")
    client.force_login(member.user)
    assert client.post(reverse("member-add")).status_code == 403
    (line,) = read_lines()
    assert (line["status_code"], "exc_info" in line) == (403, False)


def test_foreign_host_is_a_warning_in_one_line(client, read_lines, settings):
    settings.ALLOWED_HOSTS = ["numbers.example.com"]
    assert client.get("/sign-in/", headers={"host": "evil.example"}).status_code == 400
    (line,) = read_lines()
    assert (line["level"], "exc_info" in line) == ("WARNING", False)


@pytest.mark.parametrize("path", ["/api/v1/nowhere", "/sign-out/"])
def test_error_response_that_a_middleware_replaces_is_one_line(client, read_lines, path):
    assert client.get(path).status_code in (404, 405)
    assert len(read_lines()) == 1


def test_permission_denied_keeps_no_traceback_but_a_server_error_does(read_lines):
    for status, error in ((403, PermissionDenied("no")), (500, RuntimeError("broken"))):
        request = RequestFactory().get("/page/")
        request.user = AnonymousUser()
        response = type("Response", (), {"status_code": status})()
        log_response("%s", "/page/", response=response, request=request, exception=error)
    refused, broken = read_lines()
    assert "exc_info" not in refused
    assert "RuntimeError: broken" in broken["exc_info"]
