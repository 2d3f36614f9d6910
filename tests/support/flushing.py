"""Empty the tables after a test that commits: quickly, and so that PostgreSQL plans the next test for its own rows."""

from __future__ import annotations

from django.contrib.auth.models import Permission
from django.contrib.contenttypes.models import ContentType
from django.db import connection

# Size of a table with its indexes from which on PostgreSQL begins new files, instead of deleting rows.
WORN_BYTES = 2_000_000


def write_flush() -> list[str]:
    """Return the statements that empty the tables.

    With few rows, DELETE takes a tenth of the time of Django's TRUNCATE, for which PostgreSQL makes a new file for each
    table and each index.
    """
    tables = _list_tables()
    deletes = [f"DELETE FROM {table}" for table in tables]
    if connection.vendor != "postgresql":
        return deletes
    if _is_worn(tables):
        return [f"TRUNCATE {', '.join(tables)}"]
    # Foreign keys are triggers on PostgreSQL. All rows go, so they have nothing to look up.
    return ["SET LOCAL session_replication_role = replica", *deletes]


def _is_worn(tables: list[str]) -> bool:
    """Whether a table has grown, or PostgreSQL has counted its rows, and would plan the next test for as many."""
    with connection.cursor() as cursor:
        cursor.execute(
            "SELECT EXISTS (SELECT 1 FROM unnest(%s::regclass[]) AS emptied(id) JOIN pg_class ON pg_class.oid = id "
            "WHERE reltuples >= 0 OR pg_total_relation_size(id) > %s)",
            [tables, WORN_BYTES],
        )
        return cursor.fetchone()[0]


def _list_tables() -> list[str]:
    """Content types and permissions stay: no test changes them, and `migrate` would write the same ones again."""
    tables = set(connection.introspection.django_table_names(only_existing=True, include_views=False))
    tables -= {ContentType._meta.db_table, Permission._meta.db_table}
    return [connection.ops.quote_name(table) for table in sorted(tables)]
