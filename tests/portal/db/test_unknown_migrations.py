"""A database with unknown migrations is refused before anything in it changes."""

import pytest
from django.core.management import CommandError, call_command
from django.db import connection
from django.db.migrations.recorder import MigrationRecorder

pytestmark = pytest.mark.django_db


def test_database_with_unknown_migrations_is_refused_with_advice():
    recorder = MigrationRecorder(connection)
    recorder.record_applied("reputation", "0012_imports_in_order_of_numbers")
    tables = connection.introspection.table_names()
    with pytest.raises(CommandError, match=r"another version of the portal.*0012_imports.*RESET=1"):
        call_command("migrate", verbosity=0)
    assert connection.introspection.table_names() == tables


def test_a_database_of_this_version_is_migrated():
    call_command("migrate", verbosity=0)
