"""What an account types into the form is kept as it is typed, valid or not, until it is sent."""

from __future__ import annotations

import re
from collections.abc import Mapping
from datetime import timedelta

from django.db import transaction

from enrollment.models import Application
from enrollment.questions import QUESTIONS_BY_ID
from portal import audit
from portal.audit import Context
from portal.models import Account

# A Social Security number is never stored, not even in a draft: this stands in its place.
SSN_PATTERN = re.compile(r"\s*\d{3}[-\s\u2010-\u2015]\d{2}[-\s\u2010-\u2015]\d{4}\s*")
SSN_PLACEHOLDER = "***-**-****"

MAX_LENGTH = 5_000
# Further changes by the same person within this time are one event in the audit trail.
EDIT_SESSION = timedelta(hours=1)

State = Application.State


class NotEditable(Exception):
    """The application is under review or approved, so nothing was saved; the message tells a person."""


def get_current_application(account: Account) -> Application | None:
    return Application.objects.for_account(account).newest()


def get_form_application(account: Account) -> Application:
    """The application that the form shows. Where none can be edited it is a new one, not stored yet, with what the
    former said, so that whoever was rejected mends it rather than types it again."""
    return _get_next_application(get_current_application(account), account)


def save(
    account: Account,
    *,
    business: Mapping[str, str] | None = None,
    answers: Mapping[str, Mapping[str, str]] | None = None,
    context: Context,
) -> Application:
    """Keeps what was typed: only the named fields, the others stay. The first save begins the application.

    Raises NotEditable while a reviewer has it, or when it is approved.
    """
    with transaction.atomic():
        Account.objects.select_for_update().get(pk=account.pk)
        application = get_form_application(account)
        if not application.is_editable:
            raise NotEditable(
                f"The enrollment is {application.get_state_display().lower()} and cannot be changed. Nothing was saved."
            )
        before = (application.business, application.answers)
        application.business = application.business | _sanitize_business(business or {})
        application.answers = application.answers | _sanitize_answers(answers or {})
        if (application.business, application.answers) != before or application.pk is None:
            _record_edit(application, context=context)
        return application


def save_signature(application: Application, signed_by: str) -> None:
    """Keeps the name of who is about to sign; it is no change of what is read before sending."""
    drafts = Application.objects.filter(pk=application.pk, state__in=Application.EDITABLE)
    drafts.exclude(signed_by=signed_by).update(signed_by=_sanitize_text(signed_by)[:120])


def _get_next_application(newest: Application | None, account: Account) -> Application:
    if newest is None:
        return Application(account=account)
    if newest.state not in Application.ENDED:
        return newest
    return Application(account=account, former=newest, business=newest.business, answers=newest.answers)


def _record_edit(application: Application, *, context: Context) -> None:
    is_new = application.pk is None
    goes_on = (
        application.edited_by_id == (context.actor.user.pk if context.actor.user else None)
        and application.edited_at is not None
        and context.now - application.edited_at < EDIT_SESSION
    )
    application.edits += 1
    application.edited_at = context.now
    application.edited_by = context.actor.user
    if is_new:
        application.state_since = application.created_at = context.now
    application.save()
    if is_new or not goes_on:
        what = "application.begun" if is_new else "application.edited"
        audit.record_event(account=application.account, context=context, what=what, subject=application)


def _sanitize_business(typed: Mapping[str, str]) -> dict[str, str]:
    kept = {name: _sanitize_text(text) for name, text in typed.items()}
    if SSN_PATTERN.fullmatch(kept.get("ein", "")):
        kept["ein"] = SSN_PLACEHOLDER
    return kept


def _sanitize_answers(typed: Mapping[str, Mapping[str, str]]) -> dict[str, dict[str, str]]:
    return {
        name: {part: _sanitize_text(given.get(part, "")) for part in ("answer", "note", "wording")}
        for name, given in typed.items()
        if name in QUESTIONS_BY_ID
    }


def _sanitize_text(text: str) -> str:
    # PostgreSQL stores no NUL in JSON.
    return text.replace("\0", "")[:MAX_LENGTH]
