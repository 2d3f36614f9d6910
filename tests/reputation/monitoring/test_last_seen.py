"""A label is not forgotten when monitoring ends: its number is skipped until it is released or found clean."""

from datetime import timedelta

import pytest
from django.core.files.uploadedfile import SimpleUploadedFile

from enrollment.models import Application
from portal.audit import Context
from portal.models import AuditEvent
from reputation import phone_numbers
from reputation.imports import pipeline
from reputation.matching.match import match
from reputation.models import PhoneNumber, Submission, Tag
from reputation.monitoring import capability, lookups, revocation, verification
from reputation.number_table.alerts import build_rows
from reputation.numbers import last_seen
from reputation.remediation import sweep
from reputation.service_clock import days
from tests.factories import CampaignFactory, MonitoredNumberFactory

pytestmark = pytest.mark.django_db

Status = PhoneNumber.SpamStatus
LABELLED, OTHER = "+12065550143", "+12065550144"


@pytest.fixture
def campaign(account):
    return CampaignFactory(account=account)


@pytest.fixture
def labelled(provider, account, campaign, now) -> PhoneNumber:
    """A monitored number of the campaign that Alpha labels, with its request at Alpha."""
    number = MonitoredNumberFactory(account=account, campaign=campaign, e164=LABELLED, next_action_at=now)
    provider.labels[LABELLED, "alpha"] = "Spam Likely"
    lookups.look_up_due(now)
    sweep.advance_due(now)
    return number


@pytest.fixture
def disabled(labelled, actor, now) -> PhoneNumber:
    capability.disable([labelled.pk], context=Context(actor, now + days(1)))
    labelled.refresh_from_db()
    return labelled


def shown_number(campaign, now) -> str | None:
    called = "+12065559911"
    return match(account_id=campaign.account_id, campaign_id=campaign.pk, called_number=called, now=now).caller_id


def enable(number, actor, now) -> None:
    """Enables and verifies the number, and looks it up."""
    capability.enable([number.pk], context=Context(actor, now))
    number.refresh_from_db()
    assert number.spam_status == Status.LAST_SEEN
    verification.verify_due(now)
    number.refresh_from_db()
    assert (number.capability, number.spam_status) == ("on", Status.LAST_SEEN)
    lookups.look_up_due(now)
    number.refresh_from_db()


def test_disabled_with_a_label_a_number_was_labelled_when_last_seen_and_stays_skipped(disabled, campaign, now):
    assert (disabled.spam_status, disabled.is_tagged, disabled.tagged_since) == (Status.LAST_SEEN, False, None)
    assert disabled.decision_due_at == now + days(31)
    assert Tag.objects.get().last_seen_at == now
    row = build_rows([disabled], now)[0]
    assert (row.engine_names, row.last_seen_at, row.case) == ("Alpha", now, None)
    assert shown_number(campaign, now) is None


def test_disabled_without_a_label_a_number_is_not_monitored_and_used(provider, account, campaign, actor, now):
    number = MonitoredNumberFactory(account=account, campaign=campaign, e164=OTHER, next_action_at=now)
    lookups.look_up_due(now)
    capability.disable([number.pk], context=Context(actor, now))
    number.refresh_from_db()
    assert number.spam_status == Status.NOT_MONITORED
    assert shown_number(campaign, now) == OTHER


def test_a_revoked_enrollment_hides_no_label(labelled, enrolled_account, campaign, now):
    Application.objects.update(state=Application.State.REVOKED)
    assert revocation.disable_revoked(now) == 1
    labelled.refresh_from_db()
    assert labelled.spam_status == Status.LAST_SEEN
    assert shown_number(campaign, now) is None


def test_it_survives_removing_the_number_and_adding_it_again(disabled, account, campaign, actor, now):
    phone_numbers.remove([disabled.pk], context=Context(actor, now))
    parsed = phone_numbers.parse_caller_id(LABELLED)
    added = phone_numbers.add(account=account, parsed=parsed, campaign=campaign, context=Context(actor, now))
    assert added.outcome == "restored"
    assert added.number.spam_status == Status.LAST_SEEN
    assert shown_number(campaign, now) is None


def test_it_survives_adding_the_number_again_by_an_import(disabled, account, campaign, actor, now, settings, tmp_path):
    settings.MEDIA_ROOT = tmp_path
    context = Context(actor, now)
    phone_numbers.remove([disabled.pk], context=context)
    upload = SimpleUploadedFile("numbers.csv", f"number,campaign\n{LABELLED},{campaign}\n".encode())
    pipeline.confirm(pipeline.receive(account=account, upload=upload, context=context), context=context)
    disabled.refresh_from_db()
    assert (disabled.removed_at, disabled.campaign, disabled.spam_status) == (None, campaign, Status.LAST_SEEN)
    assert shown_number(campaign, now) is None


def test_removing_a_tagged_number_is_an_end_of_monitoring_too(labelled, account, campaign, actor, now):
    phone_numbers.remove([labelled.pk], context=Context(actor, now))
    labelled.refresh_from_db()
    assert labelled.spam_status == Status.LAST_SEEN


def test_monitored_again_and_found_clean_it_is_used_again(disabled, provider, campaign, actor, now):
    provider.labels.clear()
    enable(disabled, actor, now + days(2))
    assert (disabled.spam_status, disabled.decision_due_at) == (Status.CLEAN, None)
    assert shown_number(campaign, now + days(2)) == LABELLED


def test_one_engine_without_the_label_is_not_enough(disabled, provider, actor, now):
    provider.labels.clear()
    look_up = provider.look_up
    provider.look_up = lambda numbers: [answer for answer in look_up(numbers) if answer.engine == "alpha"]
    enable(disabled, actor, now + days(2))
    assert disabled.spam_status == Status.LAST_SEEN


def test_monitored_again_and_still_labelled_it_is_tagged(disabled, provider, campaign, actor, now):
    enable(disabled, actor, now + days(2))
    assert (disabled.is_tagged, disabled.decision_due_at) == (True, None)
    assert shown_number(campaign, now + days(2)) is None


def test_disabled_before_an_engine_answered_it_keeps_the_status(disabled, actor, now):
    capability.enable([disabled.pk], context=Context(actor, now))
    capability.disable([disabled.pk], context=Context(actor, now))
    disabled.refresh_from_db()
    assert (disabled.spam_status, disabled.decision_due_at) == (Status.LAST_SEEN, now + days(31))


def test_released_it_is_used_again_and_the_reason_is_audited(disabled, campaign, actor, now):
    context = Context(actor, now)
    assert last_seen.release([disabled.pk], context=context, reason="The carrier removed it.") == [disabled.pk]
    assert last_seen.release([disabled.pk], context=context, reason="Twice.") == []
    disabled.refresh_from_db()
    assert (disabled.spam_status, disabled.decision_due_at) == (Status.NOT_MONITORED, None)
    assert shown_number(campaign, now) == LABELLED
    event = AuditEvent.objects.get(code="number.released")
    assert (event.actor, event.reason, event.subject_label) == (actor.user, "The carrier removed it.", LABELLED)


def test_a_default_caller_id_is_shown_all_the_same_and_the_answer_says_so(disabled, campaign, now):
    campaign.default_number = disabled
    campaign.save()
    result = match(account_id=campaign.account_id, campaign_id=campaign.pk, called_number="+12065559911", now=now)
    assert (result.caller_id, result.basis, result.is_tagged, result.was_labelled) == (LABELLED, "default", False, True)
    assert (result.reason_code, result.skipped_tagged, result.skipped_last_seen) == ("local_numbers_skipped", 0, 1)


# Requests that engines have received ----------------------------------------------------------------------------------


def submitted_keys(provider) -> list[str]:
    return [request.idempotency_key for requests in provider.called("submit") for request in requests]


def test_a_request_that_an_engine_received_is_shown_and_continued_and_not_sent_again(disabled, provider, actor, now):
    assert build_rows([disabled], now)[0].requested_engine_names == "Alpha"
    first = Submission.objects.get()
    enable(disabled, actor, now + days(2))
    sweep.advance_due(now + days(2))
    second = Submission.objects.get(case__state="in_review")
    first.refresh_from_db()
    assert (first.state, second.reference, second.sent_at) == ("continued", first.reference, first.sent_at)
    assert len(submitted_keys(provider)) == 1
    assert provider.called("poll") == [[first.reference]]


def test_a_request_whose_answer_was_lost_is_repeated_under_its_key(labelled, provider, actor, now):
    Submission.objects.update(reference="", state="waiting")
    capability.disable([labelled.pk], context=Context(actor, now + days(1)))
    labelled.refresh_from_db()
    enable(labelled, actor, now + days(2))
    sweep.advance_due(now + days(2))
    keys = submitted_keys(provider)
    assert len(keys) == 2
    assert len(set(keys)) == 1


def test_a_label_that_came_back_after_the_engine_called_the_number_clean_is_requested_anew(
    disabled, provider, actor, now
):
    label = provider.labels.pop((LABELLED, "alpha"))
    enable(disabled, actor, now + days(2))
    provider.labels[LABELLED, "alpha"] = label
    lookups.look_up_due(now + days(3))
    sweep.advance_due(now + days(3))
    assert len(set(submitted_keys(provider))) == 2


# After 30 days ------------------------------------------------------------------------------------------------------


def test_after_30_days_without_monitoring_the_portal_asks(disabled, now):
    asked = PhoneNumber.objects.awaiting_decision
    assert not asked(now + days(31) - timedelta(seconds=1)).exists()
    assert asked(now + days(31)).get() == disabled


def test_nothing_is_asked_about_a_number_that_is_monitored_again(disabled, actor, now):
    capability.enable([disabled.pk], context=Context(actor, now))
    assert not PhoneNumber.objects.awaiting_decision(now + days(60)).exists()
