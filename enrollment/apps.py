from django.apps import AppConfig


class EnrollmentConfig(AppConfig):
    name = "enrollment"
    verbose_name = "Enrollment"

    def ready(self) -> None:
        from enrollment import mails, webhook_events, work
        from portal.jobs.work import register_kinds
        from portal.mail import register_mail_kinds
        from portal.webhooks.events import register_events

        register_events(webhook_events.WEBHOOK_EVENTS)
        register_kinds(work.KINDS)
        register_mail_kinds(mails.KIND)
