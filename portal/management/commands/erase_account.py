"""Erase an account with everything that belongs to it."""

from __future__ import annotations

from typing import Any

from django.core.management.base import BaseCommand, CommandError, CommandParser
from django.utils import timezone

from portal.audit import Actor, Context
from portal.db.owner import connected_as_owner
from portal.models import Account
from portal.privacy.accounts import StillInUse, erase_account


class Command(BaseCommand):
    help = (
        "Erase the account with this ID: its rows in all tables, its uploaded files and its audit trail. People stay: "
        "erase_person erases them. It cannot be undone, except with a backup. A run that was ended is continued by the "
        "same command."
    )

    def add_arguments(self, parser: CommandParser) -> None:
        parser.add_argument("id", type=int, metavar="ID")
        parser.add_argument("--yes", metavar="NAME", default="", help="the account's name, instead of typing it")

    def handle(self, *args: Any, **options: Any) -> None:
        account = Account.objects.filter(pk=options["id"]).first()
        if account is None:
            raise CommandError(f"There is no account with the id {options['id']}. Nothing was changed.")
        typed = options["yes"] or input(f"This erases {account.name} for ever. Type its name to confirm: ")
        if typed.strip() != account.name:
            raise CommandError(f"The account is called {account.name}, not {typed}. Nothing was changed.")
        context = Context(Actor(user=None, via="command"), timezone.now())
        try:
            with connected_as_owner():
                erase_account(account, context=context, report=self._report)
        except StillInUse as error:
            raise CommandError(
                "Rows of the account are still written. What was there is erased. Run the command again, with the "
                "services stopped."
            ) from error
        self.stdout.write(f"Account {options['id']} is erased. Backups of before still contain it.")

    def _report(self, table: str, rows: int) -> None:
        self.stdout.write(f"{table}: {rows:,} rows")
