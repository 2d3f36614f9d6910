"""Many ids in a query, as they are: the ORM takes longer to hand ten thousand over than the database to find them."""

from __future__ import annotations

from collections.abc import Iterable

from django.db.models.expressions import RawSQL


def among(ids: Iterable[int]) -> RawSQL | list[int]:
    """For `pk__in=among(ids)` and the like. Some ten thousand at most, since SQLite reads a megabyte of SQL.

    None are an empty list, so that the ORM knows without asking that nothing matches.
    """
    listed = ", ".join([f"{pk:d}" for pk in ids])
    return RawSQL(listed, ()) if listed else []
