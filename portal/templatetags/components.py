"""Components that several pages share: numbers, badges, cards, progress bars and filters."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import Any, Protocol

from django import template
from django.utils.html import format_html
from django.utils.safestring import SafeString

from portal.models import WebhookDelivery, WebhookEndpoint
from portal.phone.numbers import format_national
from portal.templatetags.formatting import badge

register = template.Library()


class Label(Protocol):
    """The words for a state."""

    @property
    def tone(self) -> str: ...
    @property
    def icon(self) -> str: ...
    @property
    def word(self) -> str: ...


class Numbered(Protocol):
    e164: str


@register.filter
def number_text(e164: str) -> SafeString:
    """A number in national format. Scripts copy it as E.164 (static/js)."""
    return format_html('<span class="num" data-e164="{}" title="{}">{}</span>', e164, e164, format_national(e164))


@register.filter
def join_numbers(numbers: Sequence[Numbered], total: int) -> str:
    """The numbers separated by commas, with "and others" if there are more than these in total."""
    names = ", ".join(format_national(number.e164) for number in numbers)
    return f"{names} and others" if total > len(numbers) else names


@register.simple_tag
def label_badge(label: Label) -> SafeString:
    return badge(label.tone, label.icon, label.word)


@register.simple_tag
def webhook_badge(endpoint: WebhookEndpoint) -> SafeString:
    if endpoint.is_paused:
        return badge("bad", "pause", "Paused")
    if endpoint.consecutive_failures:
        return badge("wait", "clock", "Failing")
    return badge("good", "check", "Active")


@register.simple_tag
def webhook_delivery_badge(delivery: WebhookDelivery) -> SafeString:
    if delivery.state == WebhookDelivery.State.DELIVERED:
        return badge("good", "check", "Delivered")
    if delivery.state == WebhookDelivery.State.FAILED:
        return badge("bad", "triangle-alert", "Failed")
    if delivery.last_summary:
        return badge("wait", "clock", "To be tried again")
    return badge("calm", "clock", "Pending")


@register.simple_block_tag
def card(content: SafeString, title: str, *, name: str = "", id: str = "", live: bool = False) -> SafeString:
    """A card with a title and a body. `name` makes the title its accessible name; `live` follows the server by `id`."""
    attributes = format_html(' id="{}"', id) if id else ""
    if live:
        attributes = format_html("{} data-live", attributes)
    heading_id = ""
    if name:
        attributes = format_html('{} aria-labelledby="{}-title"', attributes, name)
        heading_id = format_html(' id="{}-title"', name)
    return format_html(
        '<section class="card"{}><header><h2{}>{}</h2></header><div class="body">{}</div></section>',
        attributes,
        heading_id,
        title,
        content,
    )


@register.simple_tag
def progress(value: int, maximum: int, label: str) -> SafeString:
    """A progress bar; the label is for screen readers."""
    return format_html('<progress max="{}" value="{}" aria-label="{}"></progress>', maximum, value, label)


@register.inclusion_tag("components/filter_select.html")
def filter_select(
    name: str,
    empty: str,
    options: Iterable[tuple[Any, str]],
    chosen: object,
    *,
    label: str = "",
    prefix: str = "filter",
) -> dict[str, Any]:
    """A select that filters a list by the query parameter `name`. `empty` labels the choice without a filter."""
    return {
        "id": f"{prefix}-{name}",
        "name": name,
        "label": label or empty,
        "empty": empty,
        "options": [(value, words, str(value) == str(chosen)) for value, words in options],
    }
