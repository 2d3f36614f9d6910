"""Erase a person."""

from __future__ import annotations

from typing import Any

from django.core.management.base import BaseCommand, CommandError, CommandParser
from django.utils import timezone

from portal.audit import Actor, Context
from portal.db.owner import connected_as_owner
from portal.privacy.people import OnlyOwner, erase_person, is_known


class Command(BaseCommand):
    help = (
        "Erase the person with the address EMAIL: sessions, factors, memberships, invitations and mails go, and their "
        "names and addresses everywhere, also in the audit trail. What they did stays, as done by an erased person. It "
        "cannot be undone, except with a backup."
    )

    def add_arguments(self, parser: CommandParser) -> None:
        parser.add_argument("email", metavar="EMAIL")
        parser.add_argument("--yes", action="store_true", help="do not ask")

    def handle(self, *args: Any, **options: Any) -> None:
        email = options["email"].strip().lower()
        if not is_known(email):
            raise CommandError(f"Nothing is stored of {email}. Nothing was changed.")
        if not options["yes"]:
            typed = input(f"This erases {email} for ever. Type the address to confirm: ")
            if typed.strip().lower() != email:
                raise CommandError("That is another address. Nothing was changed.")
        context = Context(Actor(user=None, via="command"), timezone.now())
        try:
            with connected_as_owner():
                erase_person(email, context=context)
        except OnlyOwner as error:
            raise CommandError(
                f"{email} is the only owner of {error}. Nothing was changed. Make somebody else an owner first, or "
                "erase the account with erase_account."
            ) from error
        self.stdout.write(f"{email} is erased. Backups of before still contain the person.")
