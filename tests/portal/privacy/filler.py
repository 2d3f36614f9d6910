"""Fill every table with rows of an account and of a person, and look for what is left of them."""

from __future__ import annotations

import json
from collections.abc import Iterator
from itertools import count
from typing import Any

from django.core.files.base import ContentFile
from django.db import models

from portal.db.encrypted_fields import EncryptedCharField, EncryptedJSONField
from portal.models import Account, User
from portal.privacy.tables import SECRET_COLUMNS, Table, get_account_paths, get_tables
from tests.upgrade.use_every_table import make_value, needs_value

EMAIL, NAME, CLIENT = "pat.gone@example.com", "Pat Gone", "203.0.113.99"
ACCOUNT_NAME = "Vanishing Lake LLC"
# Columns of this length hold hashes, codes or keys.
HASH_LENGTH = 64

_numbers = count(1_000)


def fill(model: Table, path: tuple[Table, ...] = (), **given: Any) -> models.Model:
    """A row of the table with all references filled, to the rows of `given` by model where there is one.

    Texts have the person's address where they fit.
    """
    chosen: dict[Table, models.Model] = given["rows"]
    values: dict[str, Any] = {}
    for field in model._meta.concrete_fields:
        if getattr(field, "generated", False) or (field.primary_key and not needs_value(field)):
            continue
        if isinstance(field, models.ForeignKey):
            values[field.name] = _get_referred(field, (*path, model), chosen)
        elif isinstance(field, models.FileField):
            values[field.name] = ""
        elif is_unreadable(field) and needs_value(field):
            values[field.name] = make_value(field, (*path, model))
        elif is_text(field) or needs_value(field):
            values[field.name] = _make(field, (*path, model))
    row = model._base_manager.create(**{name: value for name, value in values.items() if value is not None})
    for file in (field for field in model._meta.concrete_fields if isinstance(field, models.FileField)):
        getattr(row, file.name).save(f"{next(_numbers)}.csv", ContentFile(EMAIL.encode()))
    chosen.setdefault(model, row)
    return row


def is_text(field: models.Field) -> bool:
    is_written = isinstance(field, (models.CharField, models.TextField, models.JSONField))
    return is_written and not field.null and not is_unreadable(field)


def is_unreadable(field: models.Field) -> bool:
    """Encrypted, or a secret: nobody writes a name into it."""
    return field.name in SECRET_COLUMNS or isinstance(field, (EncryptedCharField, EncryptedJSONField))


def _get_referred(field: models.ForeignKey, path: tuple[Table, ...], rows: dict[Table, models.Model]) -> Any:
    target = field.related_model
    if target in rows:
        return rows[target]
    if target in path:
        assert field.null, f"{field} requires a row of its own table"
        return None
    return fill(target, path, rows=rows)


def _make(field: models.Field, path: tuple[Table, ...]) -> Any:
    if field.choices:
        return next(iter(field.flatchoices))[0]
    text = f"{next(_numbers)} for {NAME} <{EMAIL}>, {ACCOUNT_NAME}"
    if isinstance(field, models.JSONField):
        return {"note": text}
    if isinstance(field, models.TextField) or (isinstance(field, models.CharField) and field.max_length > HASH_LENGTH):
        is_plain = type(field) in (models.CharField, models.TextField)
        return text if is_plain and not field.unique and not field.primary_key else make_value(field, path)
    return make_value(field, path)


def fill_all(account: Account, user: User, *existing: models.Model) -> dict[Table, models.Model]:
    """A row of each table, of the account and the person where it belongs to them. Tables of `existing` get none."""
    rows: dict[Table, models.Model] = {type(row): row for row in (account, user, *existing)}
    for model in get_tables():
        if model not in rows:
            fill(model, rows=rows)
    assert set(rows) == set(get_tables())
    return rows


def find(*texts: str, leaving_out: tuple[str, ...] = ()) -> Iterator[str]:
    """Each table and text that is anywhere in it: all columns of all rows, as they are in the database."""
    for model in get_tables():
        if model._meta.db_table in leaving_out:
            continue
        columns = [field.attname for field in model._meta.concrete_fields]
        for row in model._base_manager.values(*columns):
            content = json.dumps(row, default=str, ensure_ascii=False).lower()
            yield from (f"{model._meta.db_table}: {text}" for text in texts if text.lower() in content)


def count_rows(account_id: int) -> dict[str, int]:
    """How many rows of the account each table has."""
    return {
        model._meta.db_table: model._base_manager.filter(**{path: account_id}).count()
        for model, path in get_account_paths().items()
    }
