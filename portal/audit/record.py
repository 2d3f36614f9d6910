"""Write the audit trail: one row for each changed object, in the transaction of the change.

Listeners are called in the same transaction, so webhooks send exactly what was recorded. The events of one statement
form a batch (`portal/audit/batches.py`).
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from typing import Protocol

from django.db import transaction
from django.db.models import F, Model, QuerySet, Value

from portal.audit.batches import CHANGE_COLUMNS, Origin, create_number, store_batches
from portal.audit.identities import Identity, get_identity
from portal.audit.personal_texts import get_digests, get_personal_fields, keep_apart, keep_rows_apart
from portal.db.bulk import Source, insert_from_returning
from portal.db.in_list import in_list
from portal.models import Account, AuditEvent, User

LABEL_LENGTH = 120


@dataclass(frozen=True)
class Actor:
    """Who makes a change, and from where. `via` is web, admin, api, task or command. A task has no user; a request to
    the API has the id of its key instead."""

    user: User | None
    via: str
    api_key_id: int | None = None


SYSTEM = Actor(user=None, via="task")


@dataclass(frozen=True)
class Context:
    """Who makes a change, and when (an aware datetime). Functions that change something take a context."""

    actor: Actor
    now: datetime

    @classmethod
    def system(cls, now: datetime) -> Context:
        """The context of a change that a task makes."""
        return cls(SYSTEM, now)


class Listener(Protocol):
    """Called with the changed rows and the values that were recorded about them."""

    def __call__(self, changed: QuerySet, *, code: str, now: datetime, **change: Source) -> object: ...


_listeners: list[Listener] = []


def on_recorded(listener: Listener) -> None:
    """Call `listener` for every recorded event, in the transaction of the change."""
    _listeners.append(listener)


def _notify_listeners(changed: QuerySet, *, code: str, now: datetime, **change: Source) -> None:
    for listener in _listeners:
        listener(changed, code=code, now=now, **change)


def record_event(
    *,
    account: Account | None,
    context: Context,
    code: str,
    subject: Model,
    before: str = "",
    after: str = "",
    reason: str = "",
) -> None:
    """Add one event about one object. What it says about a person is kept in a row of its own."""
    number, origin, identity = _begin(context, code, subject)
    # Numbers as E.164: the trail is searched by it, and record_changes stores it.
    label = getattr(subject, "e164", str(subject))[:LABEL_LENGTH]
    texts = {"subject_label": label, "before": before[:200], "after": after[:200], "reason": reason[:500]}
    with transaction.atomic(savepoint=False):
        personal = None
        if fields := get_personal_fields(code, origin.subject_type):
            account_id = account.pk if account else None
            personal = keep_apart(texts, fields, number=number, account_id=account_id, subject=subject)
        event = AuditEvent.objects.create(
            account=account,
            at=context.now,
            actor=context.actor.user,
            identity_id=identity.pk,
            via=context.actor.via,
            api_key_id=context.actor.api_key_id,
            code=code,
            subject_type=origin.subject_type,
            subject_id=subject.pk,
            personal_text=personal,
            batch=number,
            **texts,
        )
        values = [getattr(event, name) for name in CHANGE_COLUMNS]
        store_batches(number, origin, [(*values, personal.digest if personal else None)], now=context.now)
        # Not type(subject): request.user is a proxy.
        changed = subject.__class__._base_manager.filter(pk=subject.pk)
        _notify_listeners(
            changed, code=code, now=context.now, before=Value(before), after=Value(after), reason=Value(reason)
        )


def record_changes(
    changed: QuerySet,
    *,
    context: Context,
    code: str,
    label: Source,
    before: Source = Value(""),
    after: Source = Value(""),
    reason: Source = Value(""),
    lock: bool = False,
) -> list[int]:
    """Add one event for each row of `changed` in one INSERT ... SELECT, and return their ids in order.

    Call it before the UPDATE, in the same transaction and with the same rows, so that `before` is read from them. The
    rows are locked already, or with `lock` by the statement itself: then update those whose ids are returned. `label`,
    `before`, `after` and `reason` are names of columns or expressions (Value(...) for a constant).
    """
    number, origin, identity = _begin(context, code, changed.model)
    texts: dict[str, Source] = {"subject_label": label, "before": before, "after": after, "reason": reason}
    with transaction.atomic(savepoint=False):
        if fields := get_personal_fields(code, origin.subject_type):
            texts = keep_rows_apart(changed, texts, fields, number=number)
        added = insert_from_returning(
            AuditEvent,
            changed.select_for_update(of=("self",)) if lock else changed,
            account_id=F("account_id"),
            at=Value(context.now),
            actor_id=Value(origin.actor_id),
            identity_id=Value(identity.pk),
            via=Value(context.actor.via),
            api_key_id=Value(context.actor.api_key_id),
            code=Value(code),
            subject_type=Value(origin.subject_type),
            subject_id=F("pk"),
            batch=Value(number),
            returning=(*CHANGE_COLUMNS, "personal_text_id"),
            **texts,
        )
        ids: list[int] = []
        if added:
            if fields:
                digests = get_digests(number)
                added = [(*row[:-1], digests.get(row[-1])) for row in added]
            added.sort()
            store_batches(number, origin, added, now=context.now)
            ids = [subject_id for _pk, _account_id, subject_id, *_texts in added]
            recorded = changed.filter(pk__in=in_list(ids)) if lock else changed
            _notify_listeners(recorded, code=code, now=context.now, before=before, after=after, reason=reason)
    return ids


def _begin(context: Context, code: str, subject: Model | type[Model]) -> tuple[int, Origin, Identity]:
    """The number of a statement, what its events have in common, and the identity of the actor."""
    actor = context.actor
    identity = get_identity(actor.user, now=context.now)
    origin = Origin(
        at=context.now,
        actor_id=actor.user.pk if actor.user else None,
        identity_digest=identity.digest,
        via=actor.via,
        api_key_id=actor.api_key_id,
        code=code,
        subject_type=subject._meta.model_name or "",
    )
    return create_number(), origin, identity
