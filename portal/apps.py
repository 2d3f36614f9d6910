from django.apps import AppConfig
from django.core.checks import register
from django.db.models.signals import post_migrate, pre_migrate


class PortalConfig(AppConfig):
    name = "portal"
    verbose_name = "Accounts"

    def ready(self) -> None:
        from portal.accounts import invitations, owner_mails, passwords
        from portal.accounts.api_keys import expiry
        from portal.area_code_tables import fetch_numbering_plan
        from portal.audit import protection
        from portal.audit.record import on_recorded
        from portal.authentication import notices, reauthentication, sessions
        from portal.authentication.security_events import failed_sign_ins
        from portal.authentication.security_events import record as security_events
        from portal.backups.data_directory import check_restore_finished
        from portal.db.unknown_migrations import refuse_unknown_migrations
        from portal.jobs.totals import register_totals
        from portal.jobs.work import register_kinds
        from portal.mail import register_mail_kinds
        from portal.mail.work import MAIL_WORK
        from portal.operations.portal_sections import SECTIONS
        from portal.operations.sections import register_sections
        from portal.phone.current_plan import set_plan_source
        from portal.webhooks import mails, outbox, results, work

        set_plan_source(fetch_numbering_plan)
        register(check_restore_finished)
        on_recorded(outbox.write_messages)
        without_work = {
            "portal.operations.tasks.check_operations": "It looks whether all is well.",
            "portal.operations.tasks.encrypt_secrets": "Nothing waits for it: it reads all secrets once a day.",
        }
        register_kinds((*work.KINDS, MAIL_WORK, expiry.WORK, failed_sign_ins.WORK), without_work=without_work)
        register_totals((results.ATTEMPTS,))
        register_sections(SECTIONS)
        register_mail_kinds(invitations.MAIL, passwords.INVITATION, passwords.STAFF_INVITATION)
        register_mail_kinds(passwords.PERSON_INVITATION, passwords.PASSWORD_RESET)
        register_mail_kinds(owner_mails.KIND, mails.KIND, expiry.KIND)
        register_mail_kinds(notices.KIND)
        reauthentication.connect_signals()
        sessions.connect_signals()
        security_events.connect_signals()
        pre_migrate.connect(refuse_unknown_migrations, sender=self)
        pre_migrate.connect(protection.begin_migration, sender=self)
        post_migrate.connect(protection.end_migration, sender=self)
