"""Create the first account, or a further one, with everything it needs to begin."""

from __future__ import annotations

from typing import Any

from django.conf import settings
from django.core.management.base import BaseCommand, CommandError, CommandParser
from django.utils import timezone

from portal.accounts.new_accounts import NewAccount, NotCreated, create_account, parse_licence
from portal.audit import Actor, Context
from portal.authentication.password_links import INVITATION, get_set_password_link

SMTP_BACKEND = "django.core.mail.backends.smtp.EmailBackend"


class Command(BaseCommand):
    help = (
        "Create the account NAME, with its licences, its owner and the first reviewer, who are invited by mail. A "
        "second run says what exists, and changes nothing."
    )

    def add_arguments(self, parser: CommandParser) -> None:
        parser.add_argument("name", metavar="NAME", help="the name of the business")
        parser.add_argument("--owner", required=True, metavar="EMAIL", help="who is invited as the account's owner")
        parser.add_argument(
            "--reviewer",
            default="",
            metavar="EMAIL",
            help="who decides on enrollments. They become superuser of the administration if there is none yet",
        )
        parser.add_argument(
            "--licence",
            action="append",
            default=[],
            metavar="PRODUCT[=SEATS]",
            help="a licence, such as contact_center_elite, or monitoring_sku=500. May be given several times",
        )
        parser.add_argument("--time-zone", default="America/New_York", metavar="ZONE", help="default: America/New_York")
        parser.add_argument(
            "--own",
            action="store_true",
            help="the business runs the portal for itself: its licence covers every number, and its owner becomes the "
            "superuser, who may approve the enrollment while nobody else is staff",
        )
        parser.add_argument("--show-links", action="store_true", help="print the links that set passwords, too")

    def handle(self, *args: Any, **options: Any) -> None:
        try:
            outcome = create_account(
                NewAccount(
                    name=options["name"].strip(),
                    owner=options["owner"].strip(),
                    reviewer=options["reviewer"].strip(),
                    licences=[parse_licence(text) for text in options["licence"]],
                    time_zone=options["time_zone"],
                    is_own=options["own"],
                ),
                Context(Actor(user=None, via="command"), timezone.now()),
            )
        except NotCreated as error:
            raise CommandError(str(error)) from None
        for sentence in outcome.sentences:
            self.stdout.write(sentence)
        if options["show_links"] or settings.EMAIL_BACKEND != SMTP_BACKEND:
            for user in outcome.people:
                if not user.has_usable_password():
                    link = get_set_password_link(user, purpose=INVITATION)
                    self.stdout.write(f"{user.email} sets a password here: {link}")
