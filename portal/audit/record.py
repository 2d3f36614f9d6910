"""The audit trail: one row for each thing changed, written in the transaction of the change.

Listeners are called in the same transaction, so that webhooks send what was recorded, and only that.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from typing import Protocol

from django.db.models import Expression, F, Model, QuerySet, Value

from portal.db.bulk import insert_from
from portal.models import Account, AuditEvent, User


@dataclass(frozen=True)
class Actor:
    """Who does something and from where: `via` is web, admin, api, task or command; a task has no user, and who comes
    by the API has the id of a key instead."""

    user: User | None
    via: str
    key_id: int | None = None


SYSTEM = Actor(user=None, via="task")


@dataclass(frozen=True)
class Context:
    """Who makes a change, and when: the time is an aware datetime. Functions that change something take one."""

    actor: Actor
    now: datetime

    @classmethod
    def system(cls, now: datetime) -> Context:
        """A change that the service makes by itself, in a task."""
        return cls(SYSTEM, now)


class Listener(Protocol):
    """Called with the changed rows and with what was recorded about them."""

    def __call__(self, changed: QuerySet, *, what: str, now: datetime, **change: str | Expression) -> object: ...


_listeners: list[Listener] = []


def on_recorded(listener: Listener) -> None:
    """Calls `listener` for everything that is recorded, in the transaction of the change."""
    _listeners.append(listener)


def _tell_listeners(changed: QuerySet, *, what: str, now: datetime, **change: str | Expression) -> None:
    for listener in _listeners:
        listener(changed, what=what, now=now, **change)


def record_event(
    *,
    account: Account | None,
    context: Context,
    what: str,
    subject: Model,
    before: str = "",
    after: str = "",
    reason: str = "",
) -> None:
    """Adds one event about one object."""
    AuditEvent.objects.create(
        account=account,
        at=context.now,
        actor=context.actor.user,
        via=context.actor.via,
        api_key_id=context.actor.key_id,
        what=what,
        subject=subject._meta.model_name,
        subject_id=subject.pk,
        # Numbers as they are searched for, and as record_changes has them.
        subject_label=getattr(subject, "e164", str(subject))[:120],
        before=before[:200],
        after=after[:200],
        reason=reason[:500],
    )
    changed = type(subject)._base_manager.filter(pk=subject.pk)
    _tell_listeners(changed, what=what, now=context.now, before=Value(before), after=Value(after), reason=Value(reason))


def record_changes(
    changed: QuerySet,
    *,
    context: Context,
    what: str,
    label: str | Expression,
    before: str | Expression = Value(""),
    after: str | Expression = Value(""),
    reason: str | Expression = Value(""),
) -> int:
    """Adds one event for each row of `changed`, in one INSERT ... SELECT, and returns how many.

    Call it before the UPDATE it belongs to, in the same transaction and with the same rows, so that `before` can be
    read from them. `label`, `before`, `after` and `reason` name a column or are expressions (Value(...) for a text).
    """
    noted = insert_from(
        AuditEvent,
        changed,
        account_id=F("account_id"),
        at=Value(context.now),
        actor_id=Value(context.actor.user.pk if context.actor.user else None),
        via=Value(context.actor.via),
        api_key_id=Value(context.actor.key_id),
        what=Value(what),
        subject=Value(changed.model._meta.model_name),
        subject_id=F("pk"),
        subject_label=label,
        before=before,
        after=after,
        reason=reason,
    )
    if noted:
        _tell_listeners(changed, what=what, now=context.now, before=before, after=after, reason=reason)
    return noted
