"""Encrypt all stored secrets with the first key of ENCRYPTION_KEYS, after a key was added before the others."""

from __future__ import annotations

from typing import Any

from django.core.management.base import BaseCommand, CommandError

from portal.db.reencryption import reencrypt_all
from portal.text import pluralize


class Command(BaseCommand):
    help = (
        "Encrypt stored secrets with the first key of ENCRYPTION_KEYS. Afterwards, former keys are no longer needed. "
        "A task does the same once a day."
    )

    def handle(self, *args: Any, **options: Any) -> None:
        result = reencrypt_all()
        self.stdout.write(f"{pluralize(result.encrypted, 'row')} encrypted with the first key.")
        if result.unreadable:
            raise CommandError(
                f"{pluralize(result.unreadable, 'row')} cannot be read: no key decrypts them. Add the former key to "
                "ENCRYPTION_KEYS, or to SECRET_KEY_FALLBACKS, and run the command again."
            )
        self.stdout.write("All secrets are encrypted with it. Backups from before still need the former keys.")
