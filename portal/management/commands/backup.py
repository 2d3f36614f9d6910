from argparse import ArgumentParser
from pathlib import Path

from django.core.management.base import BaseCommand, CommandError
from django.db import OperationalError
from django.utils import timezone

from portal.backups.create import create_backup
from portal.backups.errors import BackupError


class Command(BaseCommand):
    help = (
        "Back up the database and the uploads into one archive, while the portal runs. Secrets, which are in the "
        "environment, are not in it."
    )

    def add_arguments(self, parser: ArgumentParser) -> None:
        parser.add_argument("target", type=Path, metavar="FILE_OR_FOLDER", help="in a folder, the name has the time")
        parser.add_argument(
            "--keep", type=int, default=0, metavar="N", help="keep only the newest N backups in the folder"
        )

    def handle(self, *, target: Path, keep: int, **options: object) -> None:
        if keep < 0:
            raise CommandError("--keep must be 1 or more.")
        try:
            create_backup(target, now=timezone.now(), keep=keep, report=self.stdout.write)
        except BackupError as error:
            raise CommandError(str(error)) from error
        except OperationalError as error:
            raise CommandError(f"No backup was made, because the database cannot be reached: {error}") from error
