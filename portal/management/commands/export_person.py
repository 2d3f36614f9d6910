"""Export what is stored of a person."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from django.core.management.base import BaseCommand, CommandError, CommandParser

from portal.privacy.archive import CannotWrite
from portal.privacy.export import export_person
from portal.privacy.people import is_known


class Command(BaseCommand):
    help = (
        "Write what is stored of the person with the address EMAIL to the zip file FILE, as JSON lines for each table. "
        "Passwords, keys and other secrets are left out. Make sure that it is the person who asks."
    )

    def add_arguments(self, parser: CommandParser) -> None:
        parser.add_argument("email", metavar="EMAIL")
        parser.add_argument("file", metavar="FILE", type=Path)

    def handle(self, *args: Any, **options: Any) -> None:
        email = options["email"].strip().lower()
        if not is_known(email):
            raise CommandError(f"Nothing is stored of {email}. No file was written.")
        try:
            rows = export_person(email, options["file"])
        except CannotWrite as error:
            raise CommandError(str(error)) from error
        self.stdout.write(f"{rows:,} rows are in {options['file']}.")
