"""When API keys expire, and the mails to the owners before.

A key is mailed about 30, 7 and 1 days before it expires. If the portal did not run on such a day, the mail comes later,
once. A mail is due in the key's row (`mail_due_at`) until it is in the outbox.
"""

from __future__ import annotations

from datetime import datetime, timedelta
from zoneinfo import ZoneInfo

from django.db.models import Q

from portal import mail
from portal.accounts.api_keys.holders import with_holders
from portal.accounts.members import get_emails
from portal.accounts.roles import Permission
from portal.jobs.work import WorkKind
from portal.models import ApiKey
from portal.text import pluralize

KIND = mail.MailKind("api_key_expires", "API key that expires")
TASK = "portal.accounts.api_keys.tasks.warn_about_expiry"

LIFETIME = timedelta(days=365)
WARNING_DAYS = (1, 7, 30)

WORK = WorkKind(
    "api_key_mails",
    "Mails about API keys",
    TASK,
    ApiKey.objects.mail_due,
    "mail_due_at",
    late_after=timedelta(minutes=15),
    sweeps=("API key mails",),
)


def get_passed_warning(expires_at: datetime, now: datetime) -> int | None:
    """The warning that a new key needs no more, because its maker chose to let it expire so soon.

    Keys last until the end of a day, so a key for 30 days lasts nearly 31.
    """
    return next((days for days in WARNING_DAYS if expires_at <= now + timedelta(days=days + 1)), None)


def schedule_warnings(now: datetime) -> int:
    """Make the mails of the warnings due that apply now, each once; return how many. One query for each warning."""
    expiring = ApiKey.objects.filter(revoked_at__isnull=True, expires_at__gt=now)
    scheduled = 0
    for days in WARNING_DAYS:
        not_warned = Q(warned_days__isnull=True) | Q(warned_days__gt=days)
        due = expiring.filter(not_warned, expires_at__lte=now + timedelta(days=days))
        scheduled += due.update(warned_days=days, mail_due_at=now, mail_attempts=0)
    return scheduled


def limit_keys_without_end(now: datetime) -> int:
    """Give a year to keys without an end, which the previous release makes while an upgrade goes on. One query."""
    return ApiKey.objects.filter(expires_at__isnull=True, revoked_at__isnull=True).update(expires_at=now + LIFETIME)


def enqueue_due(now: datetime) -> int:
    """Put a chunk of the mails that are due into the outbox; return of how many keys."""
    due = ApiKey.objects.mail_due(now).select_related("account")
    return mail.enqueue_due(due, lambda key: build_message(key, now), kind=KIND.code, now=now)


def build_message(key: ApiKey, now: datetime) -> mail.Message | None:
    """The mail before a key expires. None if it does not work any more, or nobody is to be told."""
    is_held = with_holders(ApiKey.objects.filter(pk=key.pk)).values_list("is_held", flat=True).get()
    recipients = get_emails(key.account, Permission.MANAGE_ACCOUNT)
    if key.revoked_at or key.expires_at is None or key.has_expired(now) or not is_held or not recipients:
        return None
    zone = ZoneInfo(key.account.time_zone)
    days_left = (key.expires_at.astimezone(zone).date() - now.astimezone(zone).date()).days
    when = f"in {pluralize(days_left, 'day')}" if days_left else "today"
    context = {
        "key": key,
        "when": when,
        "expires": _format_time(key.expires_at, zone),
        "last_used": _format_time(key.last_used_at, zone) if key.last_used_at else "",
        "zone": key.account.time_zone,
        "list_link": mail.build_url("api-keys"),
        "create_link": mail.build_url("api-key-create"),
    }
    subject = f"{key.account.name}: an API key expires {when}"
    return mail.Message(subject, "portal/mails/api_key_expires.txt", context, to=recipients)


def _format_time(at: datetime, zone: ZoneInfo) -> str:
    local = at.astimezone(zone)
    return f"{local.day} {local:%b %Y, %H:%M %Z}"
