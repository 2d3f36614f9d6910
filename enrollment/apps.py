from django.apps import AppConfig
from django.db.models.signals import post_migrate


class EnrollmentConfig(AppConfig):
    name = "enrollment"
    verbose_name = "Enrollment"

    def ready(self) -> None:
        from enrollment import webhook_events
        from enrollment.reviewers import create_group
        from portal.webhooks.events import register_events

        register_events(webhook_events.WEBHOOK_EVENTS)
        post_migrate.connect(create_group, sender=self, dispatch_uid="enrollment.reviewers")
