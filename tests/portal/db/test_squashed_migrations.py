"""A new database gets all tables at once. It is the same as one that took every step."""

import pytest
from django.db import connection

from tests.support.migration_steps import stepwise_database


@pytest.mark.django_db(transaction=True)
def test_the_tables_are_those_of_all_steps(tmp_path):
    tables, definitions = describe()
    with stepwise_database(tmp_path) as migrate:
        migrate()
        expected_tables, expected_definitions = describe()
    for name, table in expected_tables.items():
        assert tables[name] == table, name
    assert tables.keys() == expected_tables.keys()
    assert definitions == expected_definitions


def describe() -> tuple[dict[str, dict], dict[str, str]]:
    """The columns and constraints of each table, and the definition of each index and trigger."""
    introspection, tables = connection.introspection, {}
    with connection.cursor() as cursor:
        for table in introspection.get_table_list(cursor):
            tables[table.name] = {
                "columns": sorted(map(repr, introspection.get_table_description(cursor, table.name))),
                "constraints": sorted(
                    # SQLite numbers those without a name.
                    ("" if name.startswith(("__", "fk_")) else name, repr(sorted(constraint.items())))
                    for name, constraint in introspection.get_constraints(cursor, table.name).items()
                ),
            }
        if connection.vendor == "sqlite":
            cursor.execute("SELECT name, sql FROM sqlite_master WHERE type IN ('trigger', 'index') AND sql IS NOT NULL")
        else:
            cursor.execute("SELECT tgname, pg_get_triggerdef(oid) FROM pg_trigger WHERE NOT tgisinternal")
        return tables, dict(cursor.fetchall())
