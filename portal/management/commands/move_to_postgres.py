import sys
from argparse import ArgumentParser

from django.core.management.base import BaseCommand, CommandError

from portal.backups.errors import BackupError
from portal.postgres_move.move import move_to_postgresql


class Command(BaseCommand):
    help = (
        "Copy the portal from SQLite, which DATABASE_URL names, into an empty PostgreSQL database. Stop the portal "
        "first. A move that was interrupted continues when it is run again."
    )

    def add_arguments(self, parser: ArgumentParser) -> None:
        parser.add_argument(
            "--to",
            required=True,
            metavar="ADDRESS",
            help="as in DATABASE_URL; - reads it from standard input, so that no list of processes shows the password",
        )
        parser.add_argument("--restart", action="store_true", help="forget an unfinished move, and begin again")

    def handle(self, *, to: str, restart: bool, **options: object) -> None:
        address = sys.stdin.readline().strip() if to == "-" else to
        try:
            rows = move_to_postgresql(address, restart=restart, report=self.stdout.write)
        except BackupError as error:
            raise CommandError(str(error)) from error
        self.stdout.write(
            f"{rows:,} rows are in PostgreSQL, each table verified. Now set DATABASE_URL to this database in the "
            "environment of the services, and start them. The SQLite file was not changed; delete it when all is well."
        )
