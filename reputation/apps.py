from __future__ import annotations

from typing import TYPE_CHECKING, Any

from django.apps import AppConfig
from django.core.checks import register
from django.db.models.signals import post_migrate

if TYPE_CHECKING:
    from portal.models import Account


class ReputationConfig(AppConfig):
    name = "reputation"
    verbose_name = "Reputation"

    def ready(self) -> None:
        from enrollment.signals import revoked
        from portal import navigation
        from portal.accounts.licensing import register_coverage_check
        from portal.jobs.totals import register_totals
        from portal.jobs.work import register_kinds
        from portal.mail import register_mail_kinds
        from portal.operations.sections import register_sections
        from portal.signals import licences_changing
        from portal.webhooks.events import register_events
        from reputation import checks, coverage_losses
        from reputation.metrics import TOTALS
        from reputation.models import NumberCount
        from reputation.monitoring import eligibility, revocation
        from reputation.notifications import digests, licences, webhook_events
        from reputation.numbers.change_token import get_change_token
        from reputation.operations import SECTIONS
        from reputation.post_migrate import set_up_database
        from reputation.remediation import ticket
        from reputation.work.kinds import KINDS, WITHOUT_WORK

        def get_page_context(account: Account) -> dict[str, Any]:
            return {
                "needs_you": NumberCount.objects.for_account(account).tagged().total(),
                "live_token": get_change_token(account),
            }

        navigation.register_context_provider(get_page_context)
        register_events(webhook_events.WEBHOOK_EVENTS)
        register_totals(TOTALS)
        register_kinds(KINDS, without_work=WITHOUT_WORK)
        register_sections(SECTIONS)
        register(checks.check_providers)
        post_migrate.connect(set_up_database, sender=self)
        register_mail_kinds(digests.KIND, licences.WARNING_KIND, licences.LOSS_KIND, ticket.KIND)
        register_coverage_check(eligibility.count_losing_monitoring)
        licences_changing.connect(coverage_losses.on_licences_changing)
        revoked.connect(revocation.on_enrollment_revoked)
