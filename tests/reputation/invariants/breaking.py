"""For each invariant, a change of rows that violates it and no other one."""

from datetime import timedelta

from django.db import connection
from django.db.models import F

from enrollment.models import Application, Transition
from portal.audit import protection
from portal.models import (
    ApiKey,
    AuditEvent,
    IdempotentResponse,
    Licence,
    MailServer,
    OutgoingMail,
    WebhookDelivery,
    WebhookMessage,
)
from reputation.models import (
    BulkAction,
    Case,
    CoverageLoss,
    DeskRequest,
    NumberCount,
    NumberImport,
    PhoneNumber,
    Registration,
    Submission,
    Tag,
    TestRound,
)
from reputation.numbers import spam_status
from tests.factories import CampaignFactory, CaseFactory, SubmissionFactory, TagFactory
from tests.support.urls import create_api_key

DAY = timedelta(days=1)


def change(row, **values):
    """Change columns of a row without anything that the portal does about it."""
    type(row)._base_manager.filter(pk=row.pk).update(**values)


def held(now):
    """A claim of a worker that works on the row."""
    return {"lease_token": "held", "lease_until": now + timedelta(minutes=1)}


def drop_index(name):
    with connection.cursor() as cursor:
        cursor.execute(f"DROP INDEX {name}")


def record(subject, code, before, after, at):
    """An event as a step records it, so long ago that webhooks were not set up yet."""
    AuditEvent.objects.create(
        account=subject.account,
        at=at - DAY,
        via="task",
        code=code,
        subject_type=subject._meta.model_name,
        subject_id=subject.pk,
        before=before,
        after=after,
    )


def open_case(number, now, **values):
    case = CaseFactory(number=number, account=number.account, next_action_at=now + DAY, **values)
    record(case, "case.opened", "", "open", now)
    return case


def break_unfinished_cases(portal, now):
    """A second unfinished case, which took one of the two tags with it."""
    drop_index("case_one_unfinished")
    second = open_case(portal.tagged, now, state=Case.State.SUBMITTED, opened_at=now - 9 * DAY)
    record(second, "case.submitted", "open", "submitted", now)
    tag = Tag.objects.filter(number=portal.tagged).latest("pk")
    SubmissionFactory(case=second, engine=tag.engine)
    change(tag, case=second)


def break_cases_monitored(portal, now):
    case = open_case(portal.off, now)
    tag = TagFactory(number=portal.off, account=portal.account, case=case, detected_at=now)
    SubmissionFactory(case=case, engine=tag.engine)
    spam_status.recompute([portal.off.pk], now=now)


def break_desk_requests(portal, now):
    drop_index("desk_request_one_open")
    second = DeskRequest.objects.get(pk=portal.request.pk)
    second.pk = None
    second.save()


def break_imports_end(portal, now):
    NumberImport.objects.create(
        account=portal.account, file_name="old.csv", size=1, delimiter=",", received_at=now - 2 * DAY, **held(now)
    )


def break_bulk_actions_end(portal, now):
    BulkAction.objects.create(account=portal.account, action="enable", created_at=now - 2 * DAY, **held(now))


def break_coverage_losses_end(portal, now):
    CoverageLoss.objects.create(
        account=portal.account, created_at=now - 2 * DAY, is_expiry=False, campaigns_were_included=True, **held(now)
    )


def break_api_requests_end(portal, now):
    key, _ = create_api_key(portal.account)
    IdempotentResponse.objects.create(api_key=key, idempotency_key="k", started_at=now - 3 * DAY)


def break_api_keys(portal, now):
    key, _ = create_api_key(portal.account)
    ApiKey.objects.filter(pk=key.pk).update(revoked_at=now - DAY, last_used_at=now)


def add_mail(now, **values):
    """A mail that waits, of a kind whose text is stored."""
    OutgoingMail.objects.create(
        **{"kind": "digest", "recipient": "olga@example.com", "body": "Text.", "created_at": now, "due_at": now}
        | values
    )


def get_tag(portal):
    return Tag.objects.filter(number=portal.tagged).earliest("pk")


def alter_event(subject_id, code, **values):
    """Whoever alters an event in SQLite has removed the triggers first."""
    protection.remove_triggers()
    change(AuditEvent.objects.get(subject_id=subject_id, code=code), **values)


def get_cleared_case(portal):
    return Case.objects.get(number=portal.cleared)


def of_verifying(portal):
    return Registration.objects.filter(number=portal.verifying)


OFF, ON = PhoneNumber.Capability.OFF, PhoneNumber.Capability.ON
Status = PhoneNumber.SpamStatus

BREAKS = {
    "removed_numbers": lambda portal, now: change(portal.removed, campaign=portal.campaign),
    "default_caller_ids": lambda portal, now: change(portal.campaign, default_number=portal.removed),
    "campaign_accounts": lambda portal, now: change(portal.off, campaign=CampaignFactory(account=portal.other_account)),
    "tagged_numbers": lambda portal, now: change(portal.tagged, tagged_since=now - DAY),
    "remediation_states": lambda portal, now: change(portal.tagged, spam_status=Status.TAGGED),
    "statuses": lambda portal, now: change(portal.clean, spam_status=Status.NOT_MONITORED),
    "risks": lambda portal, now: change(portal.clean, at_risk_since=now),
    "unfinished_cases": break_unfinished_cases,
    "tags_with_case": lambda portal, now: change(get_tag(portal), case=None),
    "tags_with_submission": lambda portal, now: Submission.objects.filter(engine=get_tag(portal).engine).delete(),
    "cases_with_tag": lambda portal, now: open_case(portal.clean, now),
    "cases_monitored": break_cases_monitored,
    "case_ends": lambda portal, now: change(portal.case, closed_at=now),
    "cases_due": lambda portal, now: change(portal.case, next_action_at=None),
    "finished_cases": lambda portal, now: change(get_cleared_case(portal), next_action_at=now),
    "withdrawals": lambda portal, now: change(
        get_cleared_case(portal).submissions.first(), state=Submission.State.WITHDRAWING
    ),
    "desk_requests": break_desk_requests,
    "desk_requests_with_case": lambda portal, now: change(portal.request, case=get_cleared_case(portal)),
    "desk_request_states": lambda portal, now: change(portal.request, state=DeskRequest.State.REFUSED),
    "number_counts": lambda portal, now: NumberCount.objects.filter(count=1).update(count=F("count") + 1),
    "bulk_action_counts": lambda portal, now: change(portal.bulk_action, applied_count=9, skipped_count=0),
    "import_counts": lambda portal, now: change(portal.number_import, added=9),
    "failures_of_endpoints": lambda portal, now: change(portal.endpoint, consecutive_failures=1),
    "enrollment": lambda portal, now: Application.objects.filter(account=portal.account).update(state="rejected"),
    "seats": lambda portal, now: Licence.objects.filter(account=portal.account).delete(),
    "monitored_numbers_due": lambda portal, now: change(portal.clean, next_action_at=None),
    "unmonitored_numbers": lambda portal, now: change(portal.off, next_action_at=now + DAY),
    "verifications": lambda portal, now: of_verifying(portal).update(state="accepted", next_action_at=None),
    "verifications_end": lambda portal, now: change(portal.verifying, next_action_at=now + 30 * DAY),
    "registrations_due": lambda portal, now: of_verifying(portal).update(next_action_at=None),
    "registrations": lambda portal, now: Registration.objects.filter(number=portal.clean).update(next_action_at=now),
    "late_work": lambda portal, now: change(portal.clean, next_action_at=now - DAY),
    "claims": lambda portal, now: change(portal.clean, lease_token="left"),
    "claims_end": lambda portal, now: change(portal.clean, lease_token="held", lease_until=now + DAY),
    "imports_end": break_imports_end,
    "import_ends": lambda portal, now: change(portal.number_import, ended_at=None),
    "bulk_actions_end": break_bulk_actions_end,
    "bulk_action_ends": lambda portal, now: change(portal.bulk_action, ended_at=None),
    "coverage_losses_end": break_coverage_losses_end,
    "api_requests_end": break_api_requests_end,
    "test_calls": lambda portal, now: TestRound.objects.update(ended_at=now),
    "deliveries": lambda portal, now: WebhookDelivery.objects.earliest("pk").delete(),
    "messages": lambda portal, now: WebhookMessage.objects.earliest("pk").delete(),
    "delivery_states": lambda portal, now: change(WebhookDelivery.objects.earliest("pk"), next_action_at=None),
    "delivery_accounts": lambda portal, now: change(portal.endpoint, account=portal.other_account),
    "mails": lambda portal, now: Transition.objects.update(mailed_at=now),
    "mail_texts": lambda portal, now: add_mail(now, state="sent", ended_at=now),
    "mail_tokens": lambda portal, now: add_mail(now, kind="invitation", params={"user": 1}),
    "mails_with_text": lambda portal, now: add_mail(now, body=""),
    "mail_ends": lambda portal, now: add_mail(now, state="given_up"),
    "mails_due": lambda portal, now: add_mail(now, due_at=now + DAY),
    "mail_server": lambda portal, now: MailServer.objects.create(failures=3),
    "capability_steps": lambda portal, now: alter_event(portal.clean.pk, "capability.on", before="failed"),
    "capability_recorded": lambda portal, now: change(portal.off, capability="failed"),
    "case_steps": lambda portal, now: alter_event(portal.case.pk, "case.submitted", before="in_review"),
    "case_recorded": lambda portal, now: change(portal.case, state=Case.State.IN_REVIEW),
    "number_steps": lambda portal, now: record(portal.clean, "number.added", "", "", now),
    "number_recorded": lambda portal, now: change(portal.off, removed_at=now),
    "application_steps": lambda portal, now: Transition.objects.all().delete(),
    "owners": lambda portal, now: record(portal.account.members.first(), "member.role", "owner", "admin", now),
    "api_keys": break_api_keys,
}
