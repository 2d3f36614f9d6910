"""Dump a PostgreSQL database while others write to it, and restore such a dump in one transaction."""

from __future__ import annotations

import shutil
import subprocess
import tempfile
from pathlib import Path
from typing import IO

from django.db import connection
from django.db.backends.base.base import BaseDatabaseWrapper
from django.db.backends.utils import CursorWrapper

from portal.backups.errors import BackupError
from portal.backups.manifest import Manifest
from portal.backups.postgresql_programs import Programs, find_programs

BEGIN_SNAPSHOT = ("BEGIN ISOLATION LEVEL REPEATABLE READ READ ONLY", "SELECT 1")

# Drops what is in the schema of the portal. Extensions stay: only a superuser might create them again.
DROP_ALL = """
BEGIN;
DO $$
DECLARE command text;
BEGIN
    FOR command IN SELECT unnest(array(
        SELECT format('DROP %s IF EXISTS %I.%I CASCADE', kinds.name, current_schema(), relation.relname)
        FROM pg_class AS relation
        JOIN (VALUES ('r', 'TABLE'), ('p', 'TABLE'), ('v', 'VIEW'), ('m', 'MATERIALIZED VIEW'), ('S', 'SEQUENCE'))
            AS kinds (kind, name) ON kinds.kind = relation.relkind::text
        WHERE relation.relnamespace = current_schema()::regnamespace AND NOT EXISTS (
            SELECT FROM pg_depend WHERE objid = relation.oid AND deptype IN ('e', 'i'))
    ) || array(
        SELECT format('DROP ROUTINE IF EXISTS %s CASCADE', routine.oid::regprocedure)
        FROM pg_proc AS routine
        WHERE routine.pronamespace = current_schema()::regnamespace AND NOT EXISTS (
            SELECT FROM pg_depend WHERE objid = routine.oid AND deptype = 'e')
    )) LOOP
        EXECUTE command;
    END LOOP;
END $$;
"""
# The portal's own check: a dump that ends early would otherwise be restored as far as it goes.
COUNT_CHECK = """
RESET search_path;
DO $$ BEGIN
{checks}
END $$;
COMMIT;
"""
ONE_CHECK = """
IF (SELECT count(*) FROM "{table}") <> {rows} THEN RAISE EXCEPTION '{table} has not {rows} rows'; END IF;"""


def dump(own: BaseDatabaseWrapper, cursor: CursorWrapper, path: Path) -> None:
    """Write the snapshot of the open transaction to a file, with pg_dump."""
    programs = find_programs(_get_server_version(own))
    cursor.execute("SELECT pg_export_snapshot()")
    snapshot = cursor.fetchone()[0]
    command = programs.build("pg_dump", "--format=custom", "--no-owner", "--no-privileges", f"--snapshot={snapshot}")
    with path.open("wb") as out, tempfile.TemporaryFile() as errors:
        done = subprocess.run(command, stdout=out, stderr=errors, env=programs.environment, check=False)
        if done.returncode:
            raise BackupError(f"No backup was made, because pg_dump failed: {_read_errors(errors)}")


def find_restore_programs(manifest: Manifest) -> Programs:
    """The programs that can restore this backup into the configured server. Raises BackupError if there are none."""
    server = _get_server_version(connection)
    if manifest.server > server:
        raise BackupError(
            f"The backup is of PostgreSQL {manifest.server}, and this server is PostgreSQL {server}, which may not "
            f"understand it. Nothing was changed. Restore into PostgreSQL {manifest.server} or later."
        )
    return find_programs(max(server, manifest.tool))


def restore(unpacked: Path, manifest: Manifest, programs: Programs) -> None:
    """Replace the content of the configured database by the dump, all or nothing.

    psql gets BEGIN first, and COMMIT only after pg_restore has ended well. If this process is killed, psql sees the end
    of its input without a COMMIT, and nothing has changed.
    """
    checks = "\n".join(ONE_CHECK.format(table=table, rows=rows) for table, rows in manifest.rows.items())
    options = ("--no-owner", "--no-privileges", "--no-comments", "--file=-")
    with tempfile.TemporaryFile() as errors, tempfile.TemporaryFile() as read_errors:
        psql = subprocess.Popen(
            programs.build("psql", "--no-psqlrc", "--quiet", "--set=ON_ERROR_STOP=1", "--file=-"),
            stdin=subprocess.PIPE,
            stdout=subprocess.DEVNULL,
            stderr=errors,
            env=programs.environment,
        )
        assert psql.stdin
        reader = subprocess.Popen(
            [programs.get_path("pg_restore"), *options, str(unpacked)], stdout=subprocess.PIPE, stderr=read_errors
        )
        assert reader.stdout
        try:
            with psql.stdin as script:
                script.write(DROP_ALL.encode())
                shutil.copyfileobj(reader.stdout, script)
                if reader.wait() == 0:
                    script.write(COUNT_CHECK.format(checks=checks).encode())
        except BrokenPipeError:
            pass  # psql has ended, and says why
        finally:
            reader.kill()
            reader.stdout.close()
            failed = bool(psql.wait()) | bool(reader.wait())
        if failed:
            raise BackupError(
                "The database could not be restored, and was left as it was: "
                f"{_read_errors(errors) or _read_errors(read_errors)}"
            )


def _get_server_version(own: BaseDatabaseWrapper) -> int:
    """The major version of the server."""
    with own.cursor() as cursor:
        cursor.execute("SHOW server_version_num")
        return int(cursor.fetchone()[0]) // 10_000


def get_versions() -> tuple[int, int]:
    """The major versions of the server and of pg_dump."""
    server = _get_server_version(connection)
    return server, find_programs(server).version


def is_without_accounts() -> bool:
    """Whether nobody used the database."""
    with connection.cursor() as cursor:
        cursor.execute("SELECT to_regclass('portal_user') IS NOT NULL, to_regclass('portal_account') IS NOT NULL")
        for table, exists in zip(("portal_user", "portal_account"), cursor.fetchone(), strict=True):
            if exists:
                cursor.execute(f"SELECT EXISTS (SELECT FROM {table})")
                if cursor.fetchone()[0]:
                    return False
    return True


def _read_errors(file: IO[bytes]) -> str:
    file.seek(0)
    return " ".join(file.read().decode(errors="replace").split())[:1000]
