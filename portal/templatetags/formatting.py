"""How things are said on a page: numbers in national format, times in words with the exact time on hover."""

from datetime import datetime, timedelta
from functools import lru_cache

import lucide
from django import template
from django.contrib.humanize.templatetags.humanize import naturaltime
from django.utils import timezone
from django.utils.html import format_html
from django.utils.safestring import SafeString, mark_safe

from portal.audit.labels import describe_event
from portal.phone.numbers import format_national

register = template.Library()
register.filter("national", format_national)
register.simple_tag(describe_event, name="event_said")


@register.simple_tag
@lru_cache(maxsize=256)
def icon(name: str, size: int = 16) -> SafeString:
    """An icon of the Lucide set, drawn once. It only repeats a word beside it, so it is hidden from screen readers."""
    return mark_safe(lucide._render_icon(str(name), size, aria_hidden="true", focusable="false"))


@register.simple_tag
@lru_cache(maxsize=256)
def state(tone: str, icon_name: str, word: str) -> SafeString:
    """A state as a pill: an icon and a word on the wash of its tone (good, bad, wait or calm), drawn once."""
    return format_html('<span class="state {}">{}{}</span>', tone, icon(icon_name, 14), word)


@register.filter
def exact(at: datetime | None) -> str:
    """The moment in the account's time zone, to the second and with the zone: 21 Nov 2026, 17:39:05 EST."""
    if at is None:
        return ""
    local = timezone.localtime(at)
    return f"{local.day} {local:%b %Y, %H:%M:%S %Z}"


@register.filter
def ago(at: datetime | None) -> SafeString | str:
    """A time in the past, in words: 4 minutes ago; exact on hover. An em dash for none."""
    if at is None:
        return "—"
    if abs(timezone.now() - at) < timedelta(days=7):
        return _render_time(at, naturaltime(at))
    local = timezone.localtime(at)
    return _render_time(at, f"{local.day} {local:%b %Y}")


@register.filter
def by(at: datetime | None) -> SafeString | str:
    """A time to come, in words: within 6 hours, or from a week on, by 3 Dec; what is due already, any moment now."""
    if at is None:
        return "—"
    left = at - timezone.now()
    if left <= timedelta(0):
        return _render_time(at, "any moment now")
    if left < timedelta(days=7):
        return _render_time(at, f"within {naturaltime(at).removesuffix(' from now')}")
    local = timezone.localtime(at)
    return _render_time(at, f"by {local.day} {local:%b}")


@register.filter
def day(at: datetime | None) -> SafeString | str:
    """The day in the account's time zone, with the time if it is today: 21 Nov, or 17:39; exact on hover."""
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
def query(context: template.Context, **changes: object) -> str:
    """This page's query string with the named parameters replaced, or left out where the value is empty."""
    params = context["request"].GET.copy()
    for name, value in changes.items():
        params.pop(name, None)
        if value not in (None, ""):
            params[name] = str(value)
    return f"?{params.urlencode()}" if params else "?"
