from typing import Any

from django.core.management.commands import migrate

from portal.db.owner import connected_as_owner, grant_rights


class Command(migrate.Command):
    """Django's command, as the owner of the tables if MIGRATE_DATABASE_URL names one."""

    def handle(self, *args: Any, **options: Any) -> None:
        with connected_as_owner() as role:
            super().handle(*args, **options)
            if role and not options["plan"] and not options["check_unapplied"]:
                grant_rights(role)
