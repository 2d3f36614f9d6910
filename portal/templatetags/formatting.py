"""Formatting: phone numbers in national format, times in words with the exact time on hover, icons, badges."""

from datetime import datetime, timedelta
from functools import lru_cache

import lucide
from django import template
from django.contrib.humanize.templatetags.humanize import naturaltime
from django.utils import timezone
from django.utils.html import format_html
from django.utils.safestring import SafeString, mark_safe

from portal import __version__
from portal.audit.labels import describe_event
from portal.phone.numbers import format_national

register = template.Library()
register.filter("national", format_national)
register.simple_tag(describe_event, name="event_description")


@register.simple_tag
def portal_version() -> str:
    """The version of the portal, for the footer."""
    return __version__


@register.simple_tag
@lru_cache(maxsize=256)
def icon(name: str, size: int = 16) -> SafeString:
    """An icon of the Lucide set. Hidden from screen readers, because a word always stands beside it."""
    return mark_safe(lucide._render_icon(str(name), size, aria_hidden="true", focusable="false"))


@register.simple_tag
@lru_cache(maxsize=256)
def badge(tone: str, icon_name: str, word: str) -> SafeString:
    """An icon and a word in the color of a tone: good, bad, wait or calm."""
    return format_html('<span class="state {}">{}{}</span>', tone, icon(icon_name, 14), word)


@register.filter
def exact(at: datetime | None) -> str:
    """A time in the account's time zone, to the second: 21 Nov 2026, 17:39:05 EST."""
    if at is None:
        return ""
    local = timezone.localtime(at)
    return f"{local.day} {local:%b %Y, %H:%M:%S %Z}"


@register.filter
def ago(at: datetime | None) -> SafeString | str:
    """A past time in words (4 minutes ago), or the date after a week. An em dash for None."""
    if at is None:
        return "—"
    if abs(timezone.now() - at) < timedelta(days=7):
        return _render_time(at, naturaltime(at))
    local = timezone.localtime(at)
    return _render_time(at, f"{local.day} {local:%b %Y}")


@register.filter
def due_in(at: datetime | None) -> SafeString | str:
    """A future time in words: within 6 hours, by 3 Dec (from a week on), or any moment now (overdue)."""
    if at is None:
        return "—"
    remaining = at - timezone.now()
    if remaining <= timedelta(0):
        return _render_time(at, "any moment now")
    if remaining < timedelta(days=7):
        return _render_time(at, f"within {naturaltime(at).removesuffix(' from now')}")
    local = timezone.localtime(at)
    return _render_time(at, f"by {local.day} {local:%b}")


@register.filter
def day(at: datetime | None) -> SafeString | str:
    """The day in the account's time zone, or the time if it is today: 21 Nov, 17:39."""
    if at is None:
        return "—"
    local = timezone.localtime(at)
    today = timezone.localdate()
    if local.date() == today:
        return _render_time(at, f"{local:%H:%M}")
    return _render_time(at, f"{local.day} {local:%b}" if local.year == today.year else f"{local.day} {local:%b %Y}")


def _render_time(at: datetime, words: str) -> SafeString:
    return format_html('<time datetime="{}" title="{}">{}</time>', at.isoformat(), exact(at), words)


@register.simple_tag(takes_context=True)
def replace_query(context: template.Context, **changes: object) -> str:
    """The page's query string with these parameters replaced, or removed if the value is empty."""
    params = context["request"].GET.copy()
    for name, value in changes.items():
        params.pop(name, None)
        if value not in (None, ""):
            params[name] = str(value)
    return f"?{params.urlencode()}" if params else "?"
