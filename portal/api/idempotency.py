"""Idempotency-Key (draft-ietf-httpapi-idempotency-key-header): a write that is sent twice is done once.

A unique constraint lets one request claim the key for ten seconds. A thread renews the claim while the request runs.
The write and its response are committed in one transaction, so a process that dies leaves neither. Once its claim has
run out, a later request with the same key does the work. A process that was only slow cannot store its response then,
and its write is rolled back.
"""

from __future__ import annotations

import re
import secrets
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager, nullcontext
from datetime import datetime, timedelta
from functools import partial, wraps
from hashlib import sha256
from typing import cast

from django.core.files.uploadedfile import UploadedFile
from django.db import transaction
from django.http import HttpResponse
from django.http.multipartparser import MultiPartParserError
from django.utils import timezone

from portal.api.authentication import ApiRequest, View
from portal.api.problems import Problem, problem_from_exception, validation_problem
from portal.jobs.renewal import renew_until
from portal.models import IdempotentResponse

# A living process renews its claim well before.
ABANDONED_AFTER = timedelta(seconds=10)
STORED_HEADERS = ("Content-Type", "Location", "ETag")
KEY_PATTERN = r'^("[\x20\x21\x23-\x7e]{1,255}"|[\x21\x23-\x7e]{1,255})$'


def idempotent(*, atomic: bool = True) -> Callable[[View], View]:
    """Decorate a write below `require_api_key`: it runs in a transaction, and once per Idempotency-Key.

    Uploads are not `atomic`: reading a file in a transaction would block other writers. An upload only creates a
    preview, so a second one after a crash does no harm.
    """

    def decorate(view: View) -> View:
        @wraps(view)
        def inner(request: ApiRequest, *args: object, **kwargs: object) -> HttpResponse:
            def run() -> HttpResponse:
                return view(request, *args, **kwargs)

            key = request.headers.get("Idempotency-Key")
            if key is not None:
                return _run_once(request, key, run, atomic=atomic)
            with transaction.atomic() if atomic else nullcontext():
                return run()

        return inner

    return decorate


def _run_once(request: ApiRequest, key: str, run: Callable[[], HttpResponse], *, atomic: bool) -> HttpResponse:
    claimed = _claim_key(request, key)
    if claimed.completed_at:
        return _replay(claimed)
    try:
        with _keep_claim(claimed), transaction.atomic() if atomic else nullcontext():
            response = run()
            _store_response(claimed, response, now=request.context.now)
    except Exception as error:
        # The write was rolled back. A failure of the service may be retried; any other problem is stored.
        problem = problem_from_exception(error)
        response = problem.to_response()
        if problem.problem_type.status < 500:
            _store_response(claimed, response, now=request.context.now)
        else:
            IdempotentResponse.objects.filter(pk=claimed.pk, claim_token=claimed.claim_token).delete()
    return response


@contextmanager
def _keep_claim(claimed: IdempotentResponse) -> Iterator[None]:
    """Renew the claim every few seconds while the block runs, from a thread that dies with the process.

    On SQLite, the request's own transaction may keep the thread from writing. Then nobody can take over, either.
    """
    held = IdempotentResponse.objects.filter(pk=claimed.pk, claim_token=claimed.claim_token, completed_at__isnull=True)
    ended = threading.Event()
    renew = partial(renew_until, ended, lambda: held.update(started_at=timezone.now()))
    thread = threading.Thread(target=renew, name="idempotency", daemon=True)
    thread.start()
    try:
        yield
    finally:
        ended.set()
        thread.join()


def _claim_key(request: ApiRequest, key: str) -> IdempotentResponse:
    """Return the row to complete, or one that is completed. Raises a Problem if another request holds the key."""
    if not re.match(KEY_PATTERN, key):
        raise validation_problem("header.Idempotency-Key", "An Idempotency-Key has 1 to 255 visible ASCII characters.")
    fingerprint = _fingerprint(request)
    now = timezone.now()  # reading the request may have taken long
    claim = {
        "fingerprint": fingerprint,
        "started_at": now,
        "claim_token": secrets.token_hex(16),
        "completed_at": None,
    }
    row, is_new = IdempotentResponse.objects.get_or_create(
        api_key_id=request.caller.pk, idempotency_key=key.strip('"'), defaults=claim
    )
    if is_new:
        return row
    if row.started_at > now - IdempotentResponse.RETENTION:
        if row.fingerprint != fingerprint:
            raise Problem("idempotency_key_reused")
        if row.completed_at:
            return row
        if row.started_at > now - ABANDONED_AFTER:
            raise Problem("idempotency_under_way", headers={"Retry-After": "1"})
    # Unless the other request was completed or renewed since the row was read.
    unchanged = IdempotentResponse.objects.filter(
        pk=row.pk, claim_token=row.claim_token, started_at=row.started_at, completed_at=row.completed_at
    )
    if not unchanged.update(**claim):
        raise Problem("idempotency_under_way", headers={"Retry-After": "1"})
    row.refresh_from_db()
    return row


def _fingerprint(request: ApiRequest) -> str:
    """Hash the request. Of a form its fields and files are hashed, because the boundary between its parts is random.

    Raises a Problem if the form cannot be read.
    """
    digest = sha256(f"{request.method} {request.get_full_path()}\n".encode())
    if request.content_type != "multipart/form-data":
        digest.update(request.body)
        return digest.hexdigest()
    try:
        fields, files = sorted(request.POST.lists()), cast("dict[str, UploadedFile]", request.FILES)
    except MultiPartParserError:
        raise Problem("malformed", "The boundary between the parts of the form is missing or wrong.") from None
    digest.update(repr(fields).encode())
    for name, file in sorted(files.items()):
        digest.update(f"{name}\n{file.name}\n{file.size}\n".encode(errors="replace"))
        for chunk in file.chunks():
            digest.update(chunk)
        file.seek(0)
    return digest.hexdigest()


def _store_response(claimed: IdempotentResponse, response: HttpResponse, *, now: datetime) -> None:
    """Raises a Problem, which rolls the write back, if another request took the key over meanwhile."""
    unfinished = IdempotentResponse.objects.filter(
        pk=claimed.pk, claim_token=claimed.claim_token, completed_at__isnull=True
    )
    stored = unfinished.update(
        completed_at=now,
        status_code=response.status_code,
        headers={name: response.headers[name] for name in STORED_HEADERS if name in response.headers},
        body=response.content.decode(),
    )
    if not stored:
        raise Problem("idempotency_under_way", headers={"Retry-After": "1"})


def _replay(row: IdempotentResponse) -> HttpResponse:
    return HttpResponse(row.body, status=row.status_code, headers={**row.headers, "Idempotency-Replayed": "true"})
