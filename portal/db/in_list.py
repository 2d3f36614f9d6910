"""Bind many ids or texts of an IN condition as one JSON parameter.

Binding 10,000 separately costs more than the query itself, and SQLite would cache each such statement with its values.
"""

from __future__ import annotations

import json
from collections.abc import Iterable, Sequence
from typing import Any

from django.db import connection
from django.db.models.expressions import RawSQL


def in_list(values: Iterable[int] | Iterable[str]) -> RawSQL | list[int]:
    """The right side of `pk__in=in_list(ids)`. Empty values give [], for which the ORM skips the query."""
    listed = list(values)
    return _InList(listed) if listed else []


def compile_in_list(ids: Sequence[int]) -> tuple[str, Sequence[str | int]]:
    """The same for SQL that is written by hand: the list in parentheses, and its parameters. `ids` are not empty."""
    expression = _InList(list(ids))
    return (
        expression.as_sqlite(None, connection) if connection.vendor == "sqlite" else expression.as_sql(None, connection)
    )


class _InList(RawSQL):
    def __init__(self, values: list[Any]) -> None:
        super().__init__("", values)

    def as_sql(self, compiler: Any, connection: Any) -> tuple[str, tuple[str | int, ...]]:
        if isinstance(self.params[0], int):
            return f"({', '.join([f'{pk:d}' for pk in self.params])})", ()
        return f"({', '.join(['%s'] * len(self.params))})", tuple(self.params)

    def as_sqlite(self, compiler: Any, connection: Any, **extra: Any) -> tuple[str, list[str]]:
        return "(SELECT value FROM json_each(%s))", [json.dumps(self.params)]
