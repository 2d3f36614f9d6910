"""Large bodies, and files from people who may not send them, are refused before anything is read or stored."""

from __future__ import annotations

from io import BytesIO

import pytest
from django.core.files.uploadedfile import SimpleUploadedFile
from django.http import HttpResponse
from django.test import Client
from django.urls import reverse
from django.utils import timezone

from portal.audit import Context
from portal.body_limits import BODY_LIMIT_BYTES
from reputation.models import NumberImport, PhoneNumber
from reputation.test_calls import testers
from tests.factories import TelephoneFactory
from tests.portal.api.helpers import NUMBERS, assert_problem
from tests.support.pages import get_html

pytestmark = pytest.mark.django_db

SIGN_IN = reverse("account_login")
UPLOAD = reverse("import-new")
FORM = "application/x-www-form-urlencoded"
MULTIPART = "multipart/form-data; boundary=part"
MB = 1024 * 1024


class UnreadBody:
    """A body of which nobody may read anything."""

    def read(self, *_: object) -> bytes:
        raise AssertionError("The body was read.")

    readline = read


class CountedBody(BytesIO):
    """Counts what was read of it."""

    count = 0

    def read(self, size: int | None = -1, /) -> bytes:
        data = super().read(size)
        self.count += len(data)
        return data


@pytest.fixture(autouse=True)
def no_temporary_files(settings, tmp_path):
    """Whoever wants to store a file gets an error."""
    settings.FILE_UPLOAD_TEMP_DIR = tmp_path / "missing"


def post_unread(client: Client, path: str, size: int, content_type: str = FORM) -> HttpResponse:
    body = {"CONTENT_TYPE": content_type, "CONTENT_LENGTH": str(size), "wsgi.input": UnreadBody()}
    return client.generic("POST", path, **body)


def post_chunked(client: Client, path: str, body: BytesIO, content_type: str) -> HttpResponse:
    chunked = {"CONTENT_TYPE": content_type, "HTTP_TRANSFER_ENCODING": "chunked", "wsgi.input": body}
    return client.generic("POST", path, **chunked)


@pytest.mark.parametrize("content_type", [FORM, MULTIPART])
@pytest.mark.parametrize("path", [SIGN_IN, "/admin/login/", reverse("campaign-add")])
def test_large_form_is_refused_before_it_is_read(path, content_type):
    answer = post_unread(Client(enforce_csrf_checks=True), path, 22 * MB // 10, content_type)
    page = get_html(answer)
    assert answer.status_code == 413
    assert "larger than 256 KB. Nothing was changed. Go back: what you typed is still there." in page


def test_form_just_below_the_limit_is_read(as_admin):
    answer = as_admin.post(reverse("campaign-add"), f"name=A&note={'x' * (BODY_LIMIT_BYTES - 14)}", content_type=FORM)
    assert answer.status_code == 302


@pytest.mark.parametrize("size", [BODY_LIMIT_BYTES + 1, 90 * MB])
def test_large_upload_of_a_visitor_is_refused_before_it_is_read(size):
    answer = post_unread(Client(enforce_csrf_checks=True), UPLOAD, size, MULTIPART)
    assert (answer.status_code, "Sign in, and send the file again" in get_html(answer)) == (403, True)


def test_large_upload_of_a_viewer_is_refused_before_it_is_read(as_viewer):
    answer = post_unread(as_viewer, UPLOAD, 2 * MB, MULTIPART)
    assert (answer.status_code, "only owners and admins of the account" in get_html(answer)) == (403, True)


def test_large_form_without_a_file_is_refused_at_an_upload_address(as_admin):
    assert post_unread(as_admin, UPLOAD, 2 * MB).status_code == 413


@pytest.mark.parametrize("path", [SIGN_IN, UPLOAD, reverse("campaign-add")])
def test_small_file_of_a_visitor_is_not_stored(path):
    answer = Client().post(path, {"file": SimpleUploadedFile("numbers.csv", b"number\n2065550143\n")})
    assert answer.status_code in (200, 302)


def test_small_file_is_not_stored_at_an_address_that_takes_none(as_admin):
    answer = as_admin.post(reverse("campaign-add"), {"name": "A", "file": SimpleUploadedFile("a.csv", b"x")})
    assert answer.status_code == 302


def test_small_file_of_a_viewer_is_not_stored(as_viewer):
    answer = as_viewer.post(UPLOAD, {"file": SimpleUploadedFile("numbers.csv", b"number\n2065550143\n")})
    assert answer.status_code == 403
    assert not NumberImport.objects.exists()


def test_admin_of_the_account_uploads_a_large_file(as_admin, settings, tmp_path):
    settings.FILE_UPLOAD_TEMP_DIR = tmp_path
    content = b"number\n" + b"2065550143\n" * 100_000
    answer = as_admin.post(UPLOAD, {"file": SimpleUploadedFile("numbers.csv", content)})
    assert answer.status_code == 302
    assert NumberImport.objects.count() == 1


def test_photo_needs_a_link_of_a_tester_that_works(account, actor):
    context = Context(actor, timezone.now())
    _, token = testers.invite_tester(TelephoneFactory(account=account), "Anna", context=context)
    with pytest.raises(AssertionError, match="The body was read"):
        post_unread(Client(), reverse("tester-record", args=[token]), 2 * MB, MULTIPART)
    assert post_unread(Client(), reverse("tester-record", args=["unknown"]), 2 * MB, MULTIPART).status_code == 403
    assert post_unread(Client(), reverse("tester-take", args=[token]), 2 * MB, MULTIPART).status_code == 413


def test_large_body_of_an_api_request_is_a_problem_before_it_is_read(api_client):
    assert_problem(post_unread(api_client, NUMBERS, MB + 1, "application/json"), "too_large")
    assert_problem(post_unread(Client(), "/api/v1/match", MB + 1, "application/json"), "too_large")


def test_upload_with_no_key_is_refused_before_it_is_read(db):
    assert_problem(post_unread(Client(), "/api/v1/imports", 2 * MB, MULTIPART), "key_missing")


def test_api_request_in_chunks_is_read(api_client):
    body = BytesIO(b'{"number": "+12065550143"}')
    assert post_chunked(api_client, NUMBERS, body, "application/json").status_code == 201
    assert PhoneNumber.objects.get().e164 == "+12065550143"


@pytest.mark.parametrize(
    ("path", "content_type", "limit"), [(SIGN_IN, FORM, BODY_LIMIT_BYTES), ("/api/v1/match", "application/json", MB)]
)
def test_body_in_chunks_is_read_up_to_the_limit(path, content_type, limit):
    body = CountedBody(b"x" * 3 * MB)
    assert post_chunked(Client(), path, body, content_type).status_code == 413
    assert body.count == limit + 1


def test_upload_in_chunks_has_the_limit_of_a_form(as_admin):
    body = CountedBody(b"x" * 3 * MB)
    assert post_chunked(as_admin, UPLOAD, body, MULTIPART).status_code == 413
    assert body.count == BODY_LIMIT_BYTES + 1
