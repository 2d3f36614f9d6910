"""Idempotency-Key (draft-ietf-httpapi-idempotency-key-header): a write that is sent twice happens once.

The key is taken by a row that a unique constraint lets only one have. The write and its answer are then committed in
one transaction: a process that dies leaves neither, and whoever asks again after a while does it.
"""

from __future__ import annotations

import re
import secrets
from collections.abc import Callable
from contextlib import nullcontext
from datetime import datetime, timedelta
from functools import wraps
from hashlib import sha256

from django.db import transaction
from django.http import HttpResponse

from portal.api.authentication import ApiRequest
from portal.api.problems import Problem, problem_from_exception, validation_problem
from portal.models import IdempotentResponse

RETENTION = timedelta(hours=24)
# Longer than any request may take: nobody is at it any more.
ABANDONED_AFTER = timedelta(minutes=2)
CHUNK = 2_000
STORED_HEADERS = ("Content-Type", "Location", "ETag")
KEY_PATTERN = r'^("[\x20\x21\x23-\x7e]{1,255}"|[\x21\x23-\x7e]{1,255})$'

View = Callable[..., HttpResponse]


def idempotent(*, in_one_transaction: bool = True) -> Callable[[View], View]:
    """For writes: all or nothing, and with an Idempotency-Key once. Beneath `guarded`.

    An upload is not read within a transaction, which would keep others from writing as long as it takes. What it
    makes is only a preview, so that of two after a crash one is left to be dropped.
    """

    def decorate(view: View) -> View:
        @wraps(view)
        def inner(request: ApiRequest, *args: object, **kwargs: object) -> HttpResponse:
            whole = transaction.atomic if in_one_transaction else nullcontext
            given = request.headers.get("Idempotency-Key")
            if given is None:
                with whole():
                    return view(request, *args, **kwargs)
            mine = _claim_key(request, given)
            if mine.answered_at:
                return _replay(mine)
            try:
                with whole():
                    answer = view(request, *args, **kwargs)
                    _store_response(mine, answer, now=request.context.now)
            except Exception as error:
                # Nothing of it was done. A failure of ours may be tried again; a refusal stays what it is.
                problem = problem_from_exception(error)
                answer = problem.answer()
                if problem.kind.status < 500:
                    _store_response(mine, answer, now=request.context.now)
                else:
                    IdempotentResponse.objects.filter(pk=mine.pk, token=mine.token).delete()
            return answer

        return inner

    return decorate


def prune(now: datetime) -> int:
    """Deletes one chunk of answers that are kept no longer; returns how many."""
    old = IdempotentResponse.objects.filter(begun_at__lt=now - RETENTION).order_by("begun_at")
    ids = list(old.values_list("pk", flat=True)[:CHUNK])
    IdempotentResponse.objects.filter(pk__in=ids).delete()
    return len(ids)


def _claim_key(request: ApiRequest, given: str) -> IdempotentResponse:
    """The row that is ours to answer, or that was answered. Raises a Problem where it is neither."""
    if not re.match(KEY_PATTERN, given):
        raise validation_problem("header.Idempotency-Key", "An Idempotency-Key has 1 to 255 visible ASCII characters.")
    new = {
        "fingerprint": _fingerprint(request),
        "begun_at": request.context.now,
        "token": secrets.token_hex(16),
        "answered_at": None,
    }
    held, is_new = IdempotentResponse.objects.get_or_create(
        key_id=request.caller.pk, idempotency_key=given.strip('"'), defaults=new
    )
    if is_new:
        return held
    if held.begun_at > request.context.now - RETENTION:
        if held.fingerprint != new["fingerprint"]:
            raise Problem("idempotency_key_reused")
        if held.answered_at:
            return held
        if held.begun_at > request.context.now - ABANDONED_AFTER:
            raise Problem("idempotency_under_way", headers={"Retry-After": "1"})
    if not IdempotentResponse.objects.filter(pk=held.pk, token=held.token).update(**new):
        raise Problem("idempotency_under_way", headers={"Retry-After": "1"})
    held.refresh_from_db()
    return held


def _fingerprint(request: ApiRequest) -> str:
    """Of an upload, the files' contents: the boundary between its parts differs each time it is sent."""
    digest = sha256(f"{request.method} {request.get_full_path()}\n".encode())
    if request.content_type != "multipart/form-data":
        digest.update(request.body)
        return digest.hexdigest()
    for name, file in sorted(request.FILES.items()):
        digest.update(f"{name}\n{file.name}\n{file.size}\n".encode(errors="replace"))
        for chunk in file.chunks():
            digest.update(chunk)
        file.seek(0)
    return digest.hexdigest()


def _store_response(mine: IdempotentResponse, answer: HttpResponse, *, now: datetime) -> None:
    kept = IdempotentResponse.objects.filter(pk=mine.pk, token=mine.token, answered_at__isnull=True).update(
        answered_at=now,
        status=answer.status_code,
        headers={name: answer.headers[name] for name in STORED_HEADERS if name in answer.headers},
        body=answer.content.decode(),
    )
    if not kept:  # given up, and taken over: the other one's answer counts, and what was done here is undone
        raise Problem("idempotency_under_way", headers={"Retry-After": "1"})


def _replay(answered: IdempotentResponse) -> HttpResponse:
    return HttpResponse(
        answered.body, status=answered.status, headers={**answered.headers, "Idempotency-Replayed": "true"}
    )
