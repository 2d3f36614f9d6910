"""Export an account."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from django.core.management.base import BaseCommand, CommandError, CommandParser

from portal.models import Account
from portal.privacy.archive import CannotWrite
from portal.privacy.export import export_account


class Command(BaseCommand):
    help = (
        "Write all rows of the account with this ID and its uploaded files to the zip file FILE, as JSON lines for "
        "each table. Passwords, keys and other secrets are left out."
    )

    def add_arguments(self, parser: CommandParser) -> None:
        parser.add_argument("id", type=int, metavar="ID")
        parser.add_argument("file", metavar="FILE", type=Path)

    def handle(self, *args: Any, **options: Any) -> None:
        account = Account.objects.filter(pk=options["id"]).first()
        if account is None:
            raise CommandError(f"There is no account with the id {options['id']}. No file was written.")
        try:
            rows = export_account(account, options["file"])
        except CannotWrite as error:
            raise CommandError(str(error)) from error
        self.stdout.write(f"{rows:,} rows of {account.name} are in {options['file']}.")
