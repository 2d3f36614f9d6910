"""The tables that are copied, and how a value of SQLite is written to PostgreSQL and compared with it."""

from __future__ import annotations

import json
from collections.abc import Callable
from dataclasses import dataclass, field
from decimal import Decimal
from functools import cached_property
from typing import Any

from django.db import models

from portal.backups.errors import BackupError
from portal.backups.snapshots import list_models

Convert = Callable[[Any], Any]
# PostgreSQL stores no NUL in a text.
NUL, REPLACEMENT = "\0", "\ufffd"


@dataclass
class Column:
    """A column: how its value is converted to a form that is the same for both databases, and the SQL that reads that
    form from PostgreSQL. None is never converted."""

    name: str
    from_sqlite: Convert | None = None
    from_postgresql: Convert | None = None
    postgresql_sql: str = '"{}"'

    def select_postgresql(self) -> str:
        return self.postgresql_sql.format(self.name)


@dataclass
class Table:
    """A table of a model, read in the order of its primary key: its columns, and which of them are texts."""

    name: str
    keys: list[str]
    text_keys: set[str]
    columns: list[Column] = field(default_factory=list)

    @cached_property
    def names(self) -> str:
        return ", ".join(f'"{column.name}"' for column in self.columns)

    @cached_property
    def _key_indexes(self) -> list[int]:
        names = [column.name for column in self.columns]
        return [names.index(key) for key in self.keys]

    def get_key(self, row: tuple) -> list[Any]:
        return [row[index] for index in self._key_indexes]

    def read_sqlite_row(self, row: tuple) -> tuple:
        """The row in the form in which it is written, and compared."""
        return self._convert(row, [column.from_sqlite for column in self.columns])

    def read_postgresql_row(self, row: tuple) -> tuple:
        return self._convert(row, [column.from_postgresql for column in self.columns])

    def _convert(self, row: tuple, converts: list[Convert | None]) -> tuple:
        return tuple(
            value if value is None or convert is None else convert(value)
            for value, convert in zip(row, converts, strict=True)
        )


def list_tables() -> list[Table]:
    return sorted((_describe(model) for model in list_models()), key=lambda table: table.name)


def _describe(model: type[models.Model]) -> Table:
    keys = model._meta.pk_fields
    texts = {str(key.column) for key in keys if isinstance(_get_target(key), models.CharField)}
    table = Table(model._meta.db_table, [str(key.column) for key in keys], texts)
    for one in model._meta.local_concrete_fields:
        # A composite key has no column of its own, and PostgreSQL computes generated columns itself.
        if one.column and not getattr(one, "generated", False):
            table.columns.append(_describe_column(str(one.column), _get_target(one)))
    return table


def _get_target(one: models.Field[Any, Any]) -> models.Field[Any, Any]:
    """The field itself, or the key that a foreign key stores."""
    while isinstance(one, models.ForeignKey):
        one = one.target_field
    return one


def _describe_column(name: str, one: models.Field[Any, Any]) -> Column:
    if isinstance(one, models.JSONField):
        return Column(name, _normalize_json, _normalize_json, '"{}"::text')
    # A field of another library, such as the arguments of a task, may be stored as a text.
    if isinstance(one, models.CharField | models.FileField) or one.get_internal_type() == "TextField":
        return Column(name, _replace_nul)
    if isinstance(one, models.DateTimeField):
        return Column(name, _pad_time, None, """to_char("{}" AT TIME ZONE 'UTC', 'YYYY-MM-DD HH24:MI:SS.US')""")
    if isinstance(one, models.DateField):
        return Column(name, None, None, '"{}"::text')
    if isinstance(one, models.BooleanField):
        return Column(name, int, None, '"{}"::int')
    if isinstance(one, models.UUIDField):
        return Column(name, None, None, """replace("{}"::text, '-', '')""")
    if isinstance(one, models.GenericIPAddressField):
        return Column(name, None, None, 'host("{}")')
    if isinstance(one, models.DecimalField):
        quantum = Decimal(1).scaleb(-one.decimal_places)
        return Column(name, lambda value: Decimal(str(value)).quantize(quantum), lambda value: value.quantize(quantum))
    if isinstance(one, models.IntegerField | models.FloatField | models.BinaryField):
        return Column(name)
    raise BackupError(f"Column {name} is of a kind that the move does not know: {type(one).__name__}.")


def _replace_nul(text: str) -> str:
    return text.replace(NUL, REPLACEMENT) if NUL in text else text


def _pad_time(text: str) -> str:
    """SQLite has no microseconds if these are 0."""
    return text if "." in text else f"{text}.000000"


def _normalize_json(text: str) -> str:
    """The same text for equal values. PostgreSQL keeps neither the order of keys nor the form of numbers."""
    if len(text) == 2:  # {} or []
        return text
    return _write_json(json.loads(text, parse_float=Decimal, parse_int=Decimal))


def _write_json(value: Any) -> str:
    if isinstance(value, dict):
        return "{" + ", ".join(f"{_write_json(key)}: {_write_json(value[key])}" for key in sorted(value)) + "}"
    if isinstance(value, list):
        return "[" + ", ".join(map(_write_json, value)) + "]"
    if isinstance(value, Decimal):
        return _write_number(value)
    if isinstance(value, str):
        # Half of a surrogate pair is no character, and PostgreSQL refuses it.
        return json.dumps(_replace_nul(value).encode("utf-8", "replace").decode(), ensure_ascii=False)
    return json.dumps(value)


def _write_number(value: Decimal) -> str:
    """The number without an exponent, and without zeros at its end. PostgreSQL has no negative zero."""
    text = format(value, "f")
    return (text.rstrip("0").rstrip(".") if "." in text else text) if value else "0"
