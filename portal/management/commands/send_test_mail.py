"""Send a test mail directly, and say what the mail server answered and what to do."""

from __future__ import annotations

from typing import Any

from django.conf import settings
from django.core.exceptions import ValidationError
from django.core.management.base import BaseCommand, CommandError, CommandParser
from django.core.validators import validate_email
from django.utils import timezone

from portal.mail.failures import describe_failure
from portal.mail.trial import send_trial


class Command(BaseCommand):
    help = "Send a test mail to ADDRESS, and say what the mail server answered. The outbox is not used."

    def add_arguments(self, parser: CommandParser) -> None:
        parser.add_argument("address", metavar="ADDRESS")

    def handle(self, *args: Any, address: str, **options: Any) -> None:
        try:
            validate_email(address)
        except ValidationError:
            raise CommandError(f"{address} is not an e-mail address. Write it as dana@example.com.") from None
        try:
            reply = send_trial(address, now=timezone.now())
        except Exception as error:
            failure = describe_failure(error)
            raise CommandError(f"The mail was not sent. {failure.what}\nWhat to do: {failure.advice}") from None
        if not reply:
            self.stdout.write(f"EMAIL_URL names no mail server ({settings.EMAIL_BACKEND}); no mail left this machine.")
            return
        self.stdout.write(
            f"{settings.EMAIL_HOST}:{settings.EMAIL_PORT} took the mail to {address}. It said: {reply}\n"
            "If it does not arrive, look among the unwanted mail, and whether the domain of DEFAULT_FROM_EMAIL allows "
            "this server to send (SPF, DKIM)."
        )
