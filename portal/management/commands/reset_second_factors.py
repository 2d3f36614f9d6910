"""Let a person in who lost their second factor and their recovery codes."""

from __future__ import annotations

from typing import Any

from django.core.management.base import BaseCommand, CommandError, CommandParser
from django.db import transaction
from django.utils import timezone

from portal import audit
from portal.audit import Actor, Context
from portal.authentication import notices
from portal.authentication.second_factors import reset_second_factors
from portal.models import User


class Command(BaseCommand):
    help = (
        "Remove all passkeys, the app for codes and the recovery codes of the person with the address EMAIL. Make sure "
        "that it is them who asks. They get a mail, and sign in with their password."
    )

    def add_arguments(self, parser: CommandParser) -> None:
        parser.add_argument("email", metavar="EMAIL")

    def handle(self, *args: Any, **options: Any) -> None:
        user = User.objects.filter(email=options["email"].strip().lower()).first()
        if user is None:
            raise CommandError(f"Nobody has the address {options['email']}. Nothing was changed.")
        context = Context(Actor(user=None, via="command"), timezone.now())
        with transaction.atomic():
            removed = reset_second_factors(user)
            if removed:
                audit.record_about_person(user, context=context, code="person.second_factors_reset")
                notices.send_notice(user, "Your second factors were removed.", address="", now=context.now)
        if not removed:
            self.stdout.write(f"{user.email} has no second factor. Nothing was changed.")
            return
        self.stdout.write(f"The second factors of {user.email} were removed. They get a mail that says so.")
        if not user.has_usable_password():
            self.stdout.write("They have no password. They get a link to set one under Forgotten your password.")
