"""Who a person is at the moment of a change: the row of their name and address, which events refer to."""

from __future__ import annotations

import hashlib
import json
import secrets
from datetime import datetime
from typing import NamedTuple

from django.db import transaction
from django.db.models import F

from portal.jobs.task_run import recall, remember
from portal.models import AuditIdentity, User


class Identity(NamedTuple):
    """The id and the digest of an AuditIdentity. Both are None if no person makes the change."""

    pk: int | None
    digest: str | None


NOBODY = Identity(None, None)


def get_identity(user: User | None, *, now: datetime) -> Identity:
    """Return the identity of the user as stored in the database, and add it if the name or the address is new.

    One query, or four for a new identity; one for all chunks of a task. It does not trust the attributes of `user`,
    which a form may have set.
    """
    if user is None:
        return NOBODY
    key = ("identity", user.pk)
    if known := recall(key):
        return known
    identity = _get_or_add(user, now)
    # A transaction that is rolled back takes a new identity with it.
    transaction.on_commit(lambda: remember(key, identity))
    return identity


def _get_or_add(user: User, now: datetime) -> Identity:
    current = AuditIdentity.objects.filter(
        user=user, erased_at__isnull=True, name=F("user__name"), email=F("user__email")
    )
    found = current.values_list("pk", "digest").first()
    return Identity(*found) if found else _add(user, now)


def compute_digest(salt: str, name: str, email: str) -> str:
    return hashlib.sha256(json.dumps([salt, name, email]).encode()).hexdigest()


def _add(user: User, now: datetime) -> Identity:
    """Add the identity, or return it if somebody else adds the same one meanwhile."""
    name, email = User.objects.values_list("name", "email").get(pk=user.pk)
    salt = secrets.token_hex(16)
    row = AuditIdentity(
        user=user, name=name, email=email, salt=salt, digest=compute_digest(salt, name, email), created_at=now
    )
    AuditIdentity.objects.bulk_create([row], ignore_conflicts=True)
    stored = AuditIdentity.objects.filter(user=user, name=name, email=email, erased_at__isnull=True)
    return Identity(*stored.values_list("pk", "digest").get())
