"""A new database gets all tables at once. It is the same as one that took every step."""

from __future__ import annotations

import json

from tests.support.databases import empty_database
from tests.support.processes import run_on_database

DESCRIBE = """
import json
from contextlib import nullcontext
from sys import argv

import django

django.setup()
from django.core.management import call_command
from django.db import connection

from tests.support.migration_steps import migration_steps

with migration_steps() if argv[1] == "steps" else nullcontext():
    call_command("migrate", verbosity=0)
describe = connection.introspection
tables = {}
with connection.cursor() as cursor:
    for table in describe.get_table_list(cursor):
        tables[table.name] = {
            "columns": sorted(map(repr, describe.get_table_description(cursor, table.name))),
            "constraints": sorted(
                # SQLite numbers those without a name.
                ("" if name.startswith(("__", "fk_")) else name, repr(sorted(constraint.items())))
                for name, constraint in describe.get_constraints(cursor, table.name).items()
            ),
        }
    if connection.vendor == "sqlite":
        cursor.execute("SELECT name, sql FROM sqlite_master WHERE type IN ('trigger', 'index') AND sql IS NOT NULL")
    else:
        cursor.execute("SELECT tgname, pg_get_triggerdef(oid) FROM pg_trigger WHERE NOT tgisinternal")
    definitions = dict(cursor.fetchall())
print(json.dumps([tables, definitions]))
"""


def describe(address: str, how: str) -> list[dict]:
    return json.loads(run_on_database(address, "-c", DESCRIBE, how).splitlines()[-1])


def test_the_tables_are_those_of_all_steps(tmp_path):
    (tmp_path / "steps").mkdir()
    with empty_database(tmp_path / "steps") as steps, empty_database(tmp_path) as squashed:
        expected_tables, expected_definitions = describe(steps, "steps")
        tables, definitions = describe(squashed, "squashed")
    for name, table in expected_tables.items():
        assert tables[name] == table, name
    assert tables.keys() == expected_tables.keys()
    assert definitions == expected_definitions
