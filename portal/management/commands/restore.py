from argparse import ArgumentParser
from pathlib import Path

from django.core.management.base import BaseCommand, CommandError
from django.db import OperationalError

from portal.backups.errors import BackupError
from portal.backups.restore import restore_backup


class Command(BaseCommand):
    help = (
        "Restore an archive that `backup` made, into the configured database and data directory. Stop the portal first."
    )
    # A restore that was interrupted is an error for all other commands.
    requires_system_checks = ()

    def add_arguments(self, parser: ArgumentParser) -> None:
        parser.add_argument("archive", type=Path, metavar="FILE")
        parser.add_argument("--replace", action="store_true", help="delete the data that this portal has")

    def handle(self, *, archive: Path, replace: bool, **options: object) -> None:
        try:
            manifest = restore_backup(archive, replace=replace, report=self.stdout.write)
        except BackupError as error:
            raise CommandError(str(error)) from error
        except OperationalError as error:
            raise CommandError(f"Nothing was restored, because the database cannot be reached: {error}") from error
        self.stdout.write(
            f"Restored the portal as of {manifest.created_at}: {sum(manifest.rows.values()):,} rows, "
            f"{len(manifest.contents) - 1:,} uploads. Now run `manage.py migrate`, and start the services."
        )
