"""What a search text says about the digits of numbers: their beginning, a part, or several whole numbers."""

from __future__ import annotations

import re
from dataclasses import dataclass

from django.db.models import Q

from portal.phone.written import remove_invisible

# Of a search text. About 150 numbers can be pasted.
MAX_SEARCH_LENGTH = 2_000
MAX_PARTS = 50

_SEPARATORS = re.compile(r"[\n\r\t,;|]+")
_NUMBER_LIKE = re.compile(r"[\d\s()+./~-]+")
_WHOLE = r"(?:\+?1[ .-]?)?(?:\([2-9]\d\d\) ?|[2-9]\d\d[ .-]?)\d{3}[ .-]?\d{4}"
_SEVERAL_WHOLE = re.compile(rf"(?:{_WHOLE}[\s/]*){{2,}}")


@dataclass(frozen=True)
class NumberSearch:
    """`numbers` and `prefixes` are in E.164; `parts` are digits anywhere in a number."""

    numbers: tuple[str, ...] = ()
    prefixes: tuple[str, ...] = ()
    parts: tuple[str, ...] = ()

    def __bool__(self) -> bool:
        return bool(self.texts)

    @property
    def texts(self) -> tuple[str, ...]:
        """Texts of which each matching number contains one."""
        return (*self.numbers, *self.prefixes, *self.parts)

    def as_condition(self, field: str) -> Q:
        """Return the condition that a field fulfils. Digits have no case, but the index of numbers is on UPPER()."""
        conditions = [Q(**{f"{field}__istartswith": prefix}) for prefix in self.prefixes]
        conditions += [Q(**{f"{field}__icontains": part}) for part in self.parts]
        if self.numbers:
            conditions.append(Q(**{f"{field}__in": self.numbers}))
        return Q(*conditions, _connector=Q.OR)


def read_number_search(text: str) -> NumberSearch:
    """Read a search text. Empty if it is not made of numbers or parts of them.

    `+1415` and `(415) 2` are the beginning of a number, `0143` any part. Whole numbers can be pasted in any number,
    with or without separators: a browser removes the line breaks of what is pasted into a search field.
    """
    items = [remove_invisible(item) for item in _SEPARATORS.split(text)]
    items = [item for item in items if item]
    if not all(_NUMBER_LIKE.fullmatch(item) for item in items):
        return NumberSearch()
    items = [piece.strip() for item in items for piece in re.split(r"(?=\+)", item) if re.search(r"\d", piece)]
    items = list(dict.fromkeys(whole for item in items for whole in _split_whole(item)))
    numbers, prefixes, parts = [], [], []
    for item in items:
        digits = re.sub(r"\D", "", item)
        if len(items) > 1 and re.fullmatch(_WHOLE, item):
            numbers.append(f"+1{digits[-10:]}")
        elif item.startswith("+") or re.match(r"1 ?\(", item):
            prefixes.append(f"+{digits}")
        elif item.startswith("("):
            prefixes.append(f"+1{digits}")
        else:
            parts.append(digits)
    return NumberSearch(tuple(numbers), tuple(prefixes[:MAX_PARTS]), tuple(parts[:MAX_PARTS]))


def _split_whole(item: str) -> list[str]:
    return re.findall(_WHOLE, item) if _SEVERAL_WHOLE.fullmatch(item) else [item]
