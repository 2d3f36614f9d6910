"""Components that several pages share: numbers, badges, progress bars and filters."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import Any, Protocol

from django import template
from django.utils.html import format_html
from django.utils.safestring import SafeString

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
