"""Many ids (or numbers) in a query as one parameter: the ORM takes longer to hand ten thousand over one by one than the
database to find them, and SQLite would keep each such statement, with all its values, for the next time."""

from __future__ import annotations

import json
from collections.abc import Iterable
from typing import Any

from django.db.models.expressions import RawSQL


def in_list(values: Iterable[int] | Iterable[str]) -> RawSQL | list[int]:
    """For `pk__in=among(ids)` and the like.

    None are an empty list, so that the ORM knows without asking that nothing matches.
    """
    listed = list(values)
    return _InList(listed) if listed else []


class _InList(RawSQL):
    def __init__(self, values: list[Any]) -> None:
        super().__init__("", values)

    def as_sql(self, compiler: Any, connection: Any) -> tuple[str, list[Any]]:
        if isinstance(self.params[0], int):
            return f"({', '.join([f'{pk:d}' for pk in self.params])})", []
        return f"({', '.join(['%s'] * len(self.params))})", self.params

    def as_sqlite(self, compiler: Any, connection: Any, **extra: Any) -> tuple[str, list[str]]:
        return "(SELECT value FROM json_each(%s))", [json.dumps(self.params)]
