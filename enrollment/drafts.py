"""Drafts: what is typed into the form is saved as it is, valid or not, until it is submitted."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import timedelta

from django.db import transaction
from django.db.models import F

from enrollment.models import Application
from enrollment.questions import QUESTIONS_BY_ID
from enrollment.validators import SSN_PLACEHOLDER, is_social_security_number
from portal import audit
from portal.audit import Context
from portal.models import Account

MAX_LENGTH = 5_000
# Consecutive changes by the same person within this time are one audit event.
EDIT_SESSION = timedelta(hours=1)

State = Application.State


class NotEditable(Exception):
    """The application is under review or approved, so nothing was saved. The message is for people."""


def get_current_application(account: Account) -> Application | None:
    return Application.objects.for_account(account).newest()


def get_form_application(account: Account) -> Application:
    """The application that the form shows: the current one, or a new unsaved one.

    After a rejection or a revocation the new one starts with the text of the previous one, so that nobody types it
    again.
    """
    return _get_next_application(get_current_application(account), account)


def save(
    account: Account,
    *,
    business: Mapping[str, str] | None = None,
    answers: Mapping[str, Mapping[str, str]] | None = None,
    context: Context,
) -> Application:
    """Save the given fields; the others stay as they are. The first save creates the application.

    Raises NotEditable while the application is under review or approved.
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
    """Save the name of the person who signs. It does not count as an edit of the form."""
    drafts = Application.objects.filter(pk=application.pk, state__in=Application.EDITABLE_STATES)
    drafts.exclude(signed_by=signed_by).update(signed_by=_sanitize_text(signed_by)[:120])


def save_reply(application: Application, reply: str) -> None:
    """Save the reply to the reviewer's question, as a change of what the next submission sends."""
    asked = Application.objects.filter(pk=application.pk, state=State.MORE_INFORMATION)
    asked.exclude(reply=(text := _sanitize_text(reply))).update(reply=text, edit_count=F("edit_count") + 1)
    application.refresh_from_db(fields=["reply", "edit_count"])


def _get_next_application(newest: Application | None, account: Account) -> Application:
    if newest is None:
        return Application(account=account)
    if newest.state not in Application.CLOSED_STATES:
        return newest
    return Application(account=account, previous=newest, business=newest.business, answers=newest.answers)


def _record_edit(application: Application, *, context: Context) -> None:
    is_new = application.pk is None
    continues_session = (
        application.edited_by_id == (context.actor.user.pk if context.actor.user else None)
        and application.edited_at is not None
        and context.now - application.edited_at < EDIT_SESSION
    )
    application.edit_count += 1
    application.edited_at = context.now
    application.edited_by = context.actor.user
    if is_new:
        application.state_since = application.created_at = context.now
    application.save()
    if is_new or not continues_session:
        code = "application.begun" if is_new else "application.edited"
        audit.record_event(account=application.account, context=context, code=code, subject=application)


def _sanitize_business(typed: Mapping[str, str]) -> dict[str, str]:
    sanitized = {name: _sanitize_text(text) for name, text in typed.items()}
    if is_social_security_number(sanitized.get("ein", "")):
        sanitized["ein"] = SSN_PLACEHOLDER
    return sanitized


def _sanitize_answers(typed: Mapping[str, Mapping[str, str]]) -> dict[str, dict[str, str]]:
    return {
        name: {part: _sanitize_text(given.get(part, "")) for part in ("answer", "note", "wording")}
        for name, given in typed.items()
        if name in QUESTIONS_BY_ID
    }


def _sanitize_text(text: str) -> str:
    # PostgreSQL does not accept NUL in JSON.
    return text.replace("\0", "")[:MAX_LENGTH]
