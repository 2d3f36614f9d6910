"""Replace names and addresses of an erased person in what others wrote: forms, letters, replies, mails, notes."""

from __future__ import annotations

import json
import re
from dataclasses import dataclass
from functools import cached_property
from typing import Any

from django.db import models
from django.db.models import Q, QuerySet
from django.db.models.functions import Cast

from portal.models import (
    Account,
    AuditBatch,
    AuditChain,
    AuditErasure,
    AuditEvent,
    AuditIdentity,
    AuditPersonalText,
    User,
)
from portal.models.audit import ERASED_PERSON
from portal.privacy.tables import get_account_paths, get_tables, get_text_columns

CHUNK = 500
# The trail is erased by other means.
_LEFT_OUT = (AuditBatch, AuditChain, AuditErasure, AuditEvent, AuditIdentity, AuditPersonalText)


@dataclass(frozen=True)
class Person:
    """A person to erase. `pseudonym` takes the place of their addresses.

    A name is looked for in the person's accounts and in what belongs to none, as others may have the same. A name of
    one word is not looked for, since it may be part of anything.
    """

    emails: list[str]
    names: list[str]
    pseudonym: str
    accounts: list[int]
    user_id: int | None

    @property
    def full_names(self) -> list[str]:
        return [name for name in self.names if len(name.split()) > 1]

    @cached_property
    def address_pattern(self) -> re.Pattern[str]:
        """Finds the addresses, but none that only contain one: ann@example.com in joann@example.com."""
        return re.compile(rf"(?<![\w.+-])(?:{_alternatives(self.emails)})(?![\w-]|\.\w)", re.IGNORECASE)

    @cached_property
    def name_pattern(self) -> re.Pattern[str] | None:
        return re.compile(rf"(?<!\w)(?:{_alternatives(self.full_names)})(?!\w)") if self.full_names else None

    @cached_property
    def pattern(self) -> re.Pattern[str]:
        """Finds addresses and full names."""
        names = f"|(?<!\\w)(?:{_alternatives(self.full_names)})(?!\\w)" if self.full_names else ""
        return re.compile(self.address_pattern.pattern + names, re.IGNORECASE)

    def erase(self, text: str, *, names: bool) -> str:
        text = self.address_pattern.sub(self.pseudonym, text)
        return self.name_pattern.sub(ERASED_PERSON, text) if names and self.name_pattern else text


def erase_from_texts(person: Person) -> None:
    """Replace the person's addresses in all tables, and their full names where no other person is meant."""
    paths = get_account_paths()
    for model in get_tables():
        columns = get_text_columns(model)
        if model in _LEFT_OUT or not columns:
            continue
        rows = model._base_manager.all()
        _erase(rows, columns, person.emails, person, names=False)
        if model in (User, Account) or not person.full_names:
            continue
        if model in paths:
            rows = rows.filter(**{f"{paths[model]}__in": person.accounts})
        _erase(rows, columns, person.full_names, person, names=True)


def _erase(rows: QuerySet, columns: list[models.Field], wanted: list[str], person: Person, *, names: bool) -> None:
    """One scan of the table, and an update of each chunk of rows that contain one of the texts."""
    texts = {f"text_of_{one.name}": Cast(one.name, models.TextField()) for one in columns}
    # SQLite keeps JSON as it was written, with other letters than those of ASCII escaped.
    written = {form for text in wanted for form in (text, json.dumps(text)[1:-1])}
    contained = Q(*((f"{name}__icontains", text) for name in texts for text in written), _connector="OR")
    found = rows.alias(**texts).filter(contained)
    keys = list(found.order_by("pk").values_list("pk", flat=True))
    for start in range(0, len(keys), CHUNK):
        chunk = list(rows.model._base_manager.filter(pk__in=keys[start : start + CHUNK]))
        for row in chunk:
            for column in columns:
                value = getattr(row, column.attname)
                setattr(row, column.attname, _replace(value, column, person, names))
        rows.model._base_manager.bulk_update(chunk, [column.name for column in columns])


def _replace(value: Any, column: models.Field, person: Person, names: bool) -> Any:
    if isinstance(column, models.JSONField):
        return json.loads(person.erase(json.dumps(value, ensure_ascii=False), names=names))
    if not isinstance(value, str):
        return value
    text = person.erase(value, names=names)
    return text[: column.max_length] if column.max_length else text


def _alternatives(texts: list[str]) -> str:
    return "|".join(map(re.escape, texts))
