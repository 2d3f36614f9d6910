"""Two roles on PostgreSQL: the owner of the tables, whom `migrate` and `restore` use (MIGRATE_DATABASE_URL), and the
role of the portal (DATABASE_URL), which may add to the audit trail and change nothing in it.

Without MIGRATE_DATABASE_URL, one role does everything.
"""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager

from django.conf import settings
from django.core.management import CommandError
from django.db import connection, transaction

# Tables to which the portal only adds rows: the columns that it may fill later.
APPEND_ONLY: dict[str, tuple[str, ...]] = {
    "portal_auditevent": (),
    "portal_auditbatch": ("position", "hash"),
}
_ADDRESS = ("NAME", "USER", "PASSWORD", "HOST", "PORT", "OPTIONS")
_OTHER_OWNERS = """
    SELECT DISTINCT pg_get_userbyid(relowner) FROM pg_class
    WHERE relnamespace = current_schema()::regnamespace AND relkind IN ('r', 'S')
        AND pg_get_userbyid(relowner) <> current_user"""


@contextmanager
def connected_as_owner() -> Iterator[str]:
    """The default connection is the owner's within this. Yields the role of the portal; "" if there is only one role.

    Raises CommandError if rights would not keep the portal from altering the trail.
    """
    if not settings.MIGRATE_DATABASE:
        yield ""
        return
    role = _get_role()
    own = {key: connection.settings_dict[key] for key in _ADDRESS}
    connection.close()
    connection.settings_dict.update({key: settings.MIGRATE_DATABASE.get(key) or own[key] for key in _ADDRESS})
    try:
        owner = _get_role()
        if owner == role:
            yield ""
        else:
            _require_separate_roles(owner, role)
            yield role
    finally:
        connection.close()
        connection.settings_dict.update(own)


def grant_rights(role: str) -> None:
    """Give the portal's role what it needs, in one transaction. Called as the owner, after tables were created."""
    with transaction.atomic(), connection.cursor() as cursor:
        name = connection.ops.quote_name(role)
        cursor.execute("SELECT quote_ident(current_schema())")
        schema = cursor.fetchone()[0]
        cursor.execute(f"GRANT USAGE ON SCHEMA {schema} TO {name}")
        cursor.execute(f"GRANT SELECT, INSERT, UPDATE, DELETE ON ALL TABLES IN SCHEMA {schema} TO {name}")
        cursor.execute(f"GRANT ALL ON ALL SEQUENCES IN SCHEMA {schema} TO {name}")
        existing = set(connection.introspection.table_names(cursor))
        for table, columns in APPEND_ONLY.items():
            if table in existing:
                cursor.execute(f"REVOKE ALL ON {table} FROM {name}")
                cursor.execute(f"GRANT SELECT, INSERT ON {table} TO {name}")
                if columns:
                    cursor.execute(f"GRANT UPDATE ({', '.join(columns)}) ON {table} TO {name}")


def _get_role() -> str:
    with connection.cursor() as cursor:
        cursor.execute("SELECT current_user")
        return cursor.fetchone()[0]


def _require_separate_roles(owner: str, role: str) -> None:
    with connection.cursor() as cursor:
        cursor.execute(_OTHER_OWNERS)
        others = [name for (name,) in cursor.fetchall()]
        cursor.execute("SELECT pg_has_role(%s, current_user, 'MEMBER')", [role])
        may_become_owner = cursor.fetchone()[0]
    if others:
        raise CommandError(
            f"Tables belong to {', '.join(others)}, not to {owner}, the role of MIGRATE_DATABASE_URL. Nothing was "
            f'changed. As a superuser of PostgreSQL, in this database: REASSIGN OWNED BY "{others[0]}" TO "{owner}".'
        )
    if may_become_owner:
        raise CommandError(
            f"The role {role} of DATABASE_URL is a superuser or a member of {owner}, so it could alter the audit "
            "trail. Nothing was changed. Take that from it, or leave MIGRATE_DATABASE_URL out."
        )
