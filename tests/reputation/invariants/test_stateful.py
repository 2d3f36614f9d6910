"""Two accounts do everything in any order, while workers run: no invariant is ever violated.

Hypothesis chooses the steps, the same ones in each run. A failure prints the steps that lead to it.
"""

from datetime import timedelta

import pytest
from django.conf import settings as django_settings
from django.core.files.uploadedfile import SimpleUploadedFile
from django.db import transaction
from django.utils import timezone
from hypothesis import HealthCheck, settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, invariant, rule, run_state_machine_as_test

from enrollment.decisions import decide
from enrollment.models import Application
from portal import signals
from portal.accounts.licensing import Product
from portal.audit import SYSTEM, Actor, Context
from portal.models import Licence, User, today_of
from portal.phone.numbers import parse_number
from reputation import campaigns, coverage_losses, phone_numbers
from reputation.bulk_actions import actions
from reputation.imports import pipeline
from reputation.models import LabelReport, PhoneNumber
from reputation.monitoring import lookups, revocation, verification
from reputation.numbers import at_risk
from reputation.providers.protocol import Stage
from reputation.remediation import reopening, sweep
from reputation.test_calls import reports
from tests.factories import AccountFactory, CampaignFactory, LicenceFactory, UserFactory, WebhookEndpointFactory
from tests.support.invariants import get_violated
from tests.support.provider import FakeProvider

# As many steps as take about a minute.
EXAMPLES, STEPS = 16, 20
ACCOUNTS = st.integers(0, 1)
LINES = st.integers(0, 5)
SEVERAL = st.sets(LINES, min_size=1)
STAGES = st.sampled_from([Stage.DONE, Stage.RECEIVED, Stage.REFUSED, Stage.NOT_YET])
REMOVALS = st.sampled_from([Stage.RECEIVED, Stage.IN_REVIEW, Stage.DISPUTED, Stage.DONE, Stage.REFUSED])
TIMES = st.sampled_from([timedelta(minutes=1), timedelta(hours=6), timedelta(days=1), timedelta(days=8)])
# What workers do, in the order of the schedules.
SWEEPS = (
    verification.verify_due,
    verification.fail_overdue,
    lookups.look_up_due,
    at_risk.end_risks,
    sweep.advance_due,
    reopening.reopen_due,
    sweep.withdraw_due,
    verification.withdraw_due,
    revocation.disable_revoked,
    coverage_losses.find_losses,
    coverage_losses.end_chunk,
)


class TwoAccounts(RuleBasedStateMachine):
    """Both accounts have the same six numbers to use, and engines that label them in both."""

    vendor = None

    def __init__(self):
        super().__init__()
        self.transaction = transaction.atomic()
        self.transaction.__enter__()
        self.now = timezone.now()
        self.vendor.labels.clear()
        self.vendor.answers.clear()
        self.reviewer = Actor(UserFactory(staff_role=User.StaffRole.REVIEWER), "admin")
        self.accounts = [AccountFactory() for _ in range(2)]
        self.campaigns = [CampaignFactory(account=account) for account in self.accounts]
        for account in self.accounts:
            WebhookEndpointFactory(account=account, created_at=self.now - timedelta(hours=1))
            LicenceFactory(account=account, product=Product.CONTACT_CENTER_ELITE)
            LicenceFactory(account=account, product=Product.MONITORING_SKU, seats=2)
            self._approve(account)

    def teardown(self):
        transaction.set_rollback(True)
        self.transaction.__exit__(None, None, None)

    @property
    def context(self):
        return Context(SYSTEM, self.now)

    def _approve(self, account):
        submitted = Application.objects.create(
            account=account, state=Application.State.SUBMITTED, revision=1, legal_name=account.name
        )
        decide({submitted.pk: 1}, to=Application.State.APPROVED, context=Context(self.reviewer, self.now))

    def _get(self, account, lines):
        texts = [self._number(line) for line in lines]
        return PhoneNumber.objects.for_account(self.accounts[account]).filter(e164__in=texts)

    def _number(self, line):
        return f"+120655501{line:02}"

    def _ids(self, account, lines):
        return list(self._get(account, lines).order_by("pk").values_list("pk", flat=True))

    def _do(self, account, action, lines, **values):
        window = actions.create_bulk_action(
            account=self.accounts[account],
            context=self.context,
            action=action,
            numbers=self._get(account, lines),
            **values,
        )
        actions.confirm(window, context=self.context, reason="A test.", max_ending=len(lines))

    @rule(account=ACCOUNTS, line=LINES, in_campaign=st.booleans())
    def add_or_restore(self, account, line, in_campaign):
        phone_numbers.add(
            account=self.accounts[account],
            parsed=parse_number(self._number(line)),
            campaign=self.campaigns[account] if in_campaign else None,
            context=self.context,
        )

    @rule(account=ACCOUNTS, lines=SEVERAL)
    def import_file(self, account, lines):
        text = "number,label\n" + "".join(f"{self._number(line)},Imported\n" for line in sorted(lines))
        upload = SimpleUploadedFile("numbers.csv", text.encode())
        batch = pipeline.receive(account=self.accounts[account], upload=upload, context=self.context)
        pipeline.confirm(batch, context=self.context)

    @rule(account=ACCOUNTS, lines=SEVERAL)
    def enable(self, account, lines):
        self._do(account, "enable", lines)

    @rule(account=ACCOUNTS, lines=SEVERAL)
    def disable(self, account, lines):
        self._do(account, "disable", lines)

    @rule(account=ACCOUNTS, lines=SEVERAL)
    def assign(self, account, lines):
        self._do(account, "assign", lines, campaign=self.campaigns[account])

    @rule(account=ACCOUNTS, lines=SEVERAL)
    def unassign(self, account, lines):
        self._do(account, "unassign", lines)

    @rule(account=ACCOUNTS, lines=SEVERAL)
    def release(self, account, lines):
        self._do(account, "release", lines)

    @rule(account=ACCOUNTS, lines=SEVERAL)
    def remove(self, account, lines):
        phone_numbers.remove(self._ids(account, lines), context=self.context)

    @rule(account=ACCOUNTS, lines=SEVERAL)
    def retire(self, account, lines):
        phone_numbers.retire(self._ids(account, lines), account_id=self.accounts[account].pk, context=self.context)

    @rule(account=ACCOUNTS, line=LINES)
    def make_default(self, account, line):
        for number in self._get(account, [line]):
            campaign = type(self.campaigns[account]).objects.get(pk=self.campaigns[account].pk)
            campaigns.set_default_number(
                campaign, number_id=number.pk, expected_id=campaign.default_number_id, context=self.context
            )

    @rule(line=LINES, engine=st.sampled_from(["alpha", "beta"]), is_labelled=st.booleans())
    def label_or_clear(self, line, engine, is_labelled):
        """An engine labels a number, or does not any more, and all look-ups are made at once."""
        if is_labelled:
            self.vendor.labels[self._number(line), engine] = "Spam Likely"
        else:
            self.vendor.labels.pop((self._number(line), engine), None)
        self.now += timedelta(minutes=1)
        PhoneNumber.objects.looked_up().request_lookup(self.now)
        self.work()

    @rule(account=ACCOUNTS, line=LINES)
    def report(self, account, line):
        for number in self._get(account, [line]):
            report = reports.add_report(number, "Scam Likely", carrier="T-Mobile", context=self.context)
            reports.confirm_report(report, context=self.context)

    @rule(account=ACCOUNTS)
    def dismiss(self, account):
        for report in LabelReport.objects.filter(account=self.accounts[account]):
            reports.dismiss_report(report, context=self.context)

    @rule(answer=STAGES)
    def answer_verifications(self, answer):
        self.vendor.answers["verify"] = {"stage": answer}

    @rule(submitted=REMOVALS, polled=REMOVALS)
    def answer_removals(self, submitted, polled):
        self.vendor.answers |= {"submit": {"stage": submitted}, "poll": {"stage": polled}}

    @rule(account=ACCOUNTS)
    def revoke(self, account):
        for application in Application.objects.approved().filter(account=self.accounts[account]):
            revisions = {application.pk: application.revision}
            context = Context(self.reviewer, self.now)
            decide(revisions, to=Application.State.REVOKED, reason="A test.", context=context)

    @rule(account=ACCOUNTS)
    def approve_again(self, account):
        if not Application.objects.approved().filter(account=self.accounts[account]).exists():
            self._approve(self.accounts[account])

    @rule(account=ACCOUNTS, product=st.sampled_from([Product.CONTACT_CENTER_ELITE, Product.MONITORING_SKU]))
    def expire(self, account, product):
        """The licence ends with this day."""
        today = today_of(self.accounts[account], self.now)
        licences = Licence.objects.valid_on(today).filter(account=self.accounts[account], product=product)
        licences.update(valid_until=today)

    @rule(account=ACCOUNTS, seats=st.integers(0, 3))
    def change_seats(self, account, seats):
        """Staff change the licence, as in Django admin."""
        own = self.accounts[account]
        signals.licences_changing.send(sender=Licence, account=own, context=self.context)
        Licence.objects.filter(account=own, product=Product.MONITORING_SKU).update(seats=seats, valid_until=None)

    @rule(passed=TIMES)
    def wait(self, passed):
        self.now += passed
        self.work()

    @rule()
    def work(self):
        for run in SWEEPS:
            for _ in range(20):
                if not run(self.now):
                    break

    @invariant()
    def all_hold(self):
        # Nothing is late for workers that run when a rule says so.
        assert [name for name in get_violated(self.now) if name != "late_work"] == []


SETTINGS = settings(
    max_examples=EXAMPLES,
    stateful_step_count=STEPS,
    derandomize=True,
    deadline=None,
    database=None,
    suppress_health_check=list(HealthCheck),
)


@pytest.mark.django_db
def test_no_invariant_is_violated_whatever_two_accounts_do(use_providers, switch_providers, tmp_path, monkeypatch):
    monkeypatch.setattr(django_settings, "MEDIA_ROOT", tmp_path)
    (vendor,) = use_providers(FakeProvider)
    switch_providers(f"{FakeProvider.__module__}.{FakeProvider.__qualname__}", "handset")
    monkeypatch.setattr(TwoAccounts, "vendor", vendor)
    run_state_machine_as_test(TwoAccounts, settings=SETTINGS)
