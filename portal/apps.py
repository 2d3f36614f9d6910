from django.apps import AppConfig
from django.db.models.signals import pre_migrate


class PortalConfig(AppConfig):
    name = "portal"
    verbose_name = "Accounts"

    def ready(self) -> None:
        from portal.audit.record import on_recorded
        from portal.db.unknown_migrations import refuse_unknown_migrations
        from portal.webhooks import outbox

        on_recorded(outbox.write_messages)
        pre_migrate.connect(refuse_unknown_migrations, sender=self)
