"""The kinds of work of this app: the tasks that `reputation.schedules` starts, and what is due for each."""

from __future__ import annotations

from datetime import timedelta
from typing import Any

from portal.jobs.work import WorkKind, mail_rows
from portal.models import Licence
from reputation.imports.cleanup import get_retention
from reputation.models import BulkAction, Case, CoverageLoss, NumberImport, PhoneNumber, Registration, Submission
from reputation.monitoring.engines import BACKFILL_DELAY
from reputation.work import queries
from reputation.work.queries import GetRows

_ON = PhoneNumber.objects.looked_up()
_VERIFYING = PhoneNumber.objects.filter(capability=PhoneNumber.Capability.VERIFYING)
_ASKED = Registration.objects.filter(state__in=Registration.UNANSWERED)
_DEREGISTERING = Registration.objects.filter(state=Registration.State.WITHDRAWING)
_WITHDRAWING = Submission.objects.filter(state=Submission.State.WITHDRAWING)
_FAILED = Case.objects.filter(state=Case.State.FAILED)


def _build_kind(
    name: str, label: str, task: str, get_rows: GetRows, due_field: str, late_minutes: int, *sweeps: str, **options: Any
) -> WorkKind:
    path = f"reputation.tasks.{task}"
    return WorkKind(name, label, path, get_rows, due_field, timedelta(minutes=late_minutes), sweeps, **options)


_IMPORTS, _BULK_ACTIONS = "imports.continue_imports", "bulk_actions.continue_bulk_actions"
_WITHDRAW, _COVERAGE = "cases.withdraw_requests", "coverage.end_uncovered_numbers"
_ENGINES, _TEST_CALLS = "maintenance.sync_engines", "test_calls.count_results"
_LOOK_UP = "lookups.look_up_numbers"
_VERIFY, _FILES = "verification.verify_numbers", "complaint_files.fetch_complaint_files"
_READING = queries.get_waiting_imports(NumberImport.State.RECEIVED, NumberImport.State.READING)
_APPLYING = queries.get_waiting_imports(NumberImport.State.APPLYING)
_PREPARING = queries.get_waiting_bulk_actions(BulkAction.State.PREPARING)
_CONFIRMED = queries.get_waiting_bulk_actions(BulkAction.State.APPLYING)
_DUE, _WAITING, _MAIL = "next_action_at", "due_since", "mail_due_at"

KINDS = (
    _build_kind("imports_to_read", "Files to read", _IMPORTS, _READING, _WAITING, 2, "continue imports"),
    _build_kind("imports_to_apply", "Imports to apply", _IMPORTS, _APPLYING, _WAITING, 2, "continue imports"),
    _build_kind(
        "bulk_actions_to_prepare",
        "Bulk actions to prepare",
        _BULK_ACTIONS,
        _PREPARING,
        _WAITING,
        2,
        "continue bulk actions",
    ),
    _build_kind(
        "bulk_actions_to_apply",
        "Bulk actions to apply",
        _BULK_ACTIONS,
        _CONFIRMED,
        _WAITING,
        2,
        "continue bulk actions",
    ),
    _build_kind(
        "verification", "Registrations to send or poll", _VERIFY, queries.get_due(_ASKED), _DUE, 30, "verify numbers"
    ),
    _build_kind(
        "verification_deadlines",
        "Verifications that took too long",
        _VERIFY,
        queries.get_due(_VERIFYING, claimable=False),
        _DUE,
        30,
        "give verifications up",
    ),
    _build_kind(
        "lookups", "Numbers to look up", "lookups.look_up_numbers", queries.get_due(_ON), _DUE, 60, "look up numbers"
    ),
    _build_kind(
        "risks", "Risks that ended", "lookups.look_up_numbers", queries.get_risks, "at_risk_until", 60, "end risks"
    ),
    _build_kind(
        "cases",
        "Cases to advance",
        "cases.advance_cases",
        queries.get_due(Case.objects.unfinished()),
        _DUE,
        60,
        "advance cases",
    ),
    _build_kind(
        "cases_to_reopen",
        "Cases to open again",
        "desks.advance_requests",
        queries.get_due(_FAILED, claimable=False),
        _DUE,
        60,
        "reopen cases",
    ),
    _build_kind(
        "submissions_to_withdraw",
        "Requests to withdraw",
        _WITHDRAW,
        queries.get_due(_WITHDRAWING, claimable=False),
        _DUE,
        60,
        "withdraw submissions",
    ),
    _build_kind(
        "registrations_to_withdraw",
        "Registrations to withdraw",
        _WITHDRAW,
        queries.get_due(_DEREGISTERING, claimable=False),
        _DUE,
        60,
        "withdraw registrations",
    ),
    _build_kind(
        "revocations",
        "Revoked enrollments with monitored numbers",
        "revocation.disable_revoked_numbers",
        queries.get_revoked,
        "state_since",
        15,
        "stop unenrolled",
    ),
    _build_kind(
        "coverage_losses",
        "Monitoring to end without a licence",
        _COVERAGE,
        queries.get_coverage_losses,
        "created_at",
        15,
        "end uncovered",
    ),
    _build_kind(
        "ended_licences",
        "Licences that ended",
        _COVERAGE,
        queries.get_ended_licences,
        "valid_until",
        60,
        "find coverage losses",
        get_moment=queries.get_end,
    ),
    _build_kind("licence_mails", "Mails about licences", _COVERAGE, mail_rows(Licence), _MAIL, 15, "licence mails"),
    _build_kind(
        "coverage_mails", "Mails about lost coverage", _COVERAGE, mail_rows(CoverageLoss), _MAIL, 15, "licence mails"
    ),
    _build_kind(
        "desk_requests",
        "Requests without an answer",
        "desks.advance_requests",
        queries.get_silent_requests,
        "due_at",
        60,
        "mark silent requests",
    ),
    _build_kind(
        "desk_registrations",
        "Registrations without an answer",
        "desk_registrations.end_silent_registrations",
        queries.get_silent_registrations,
        "due_at",
        60,
        "end silent registrations",
    ),
    _build_kind(
        "test_rounds",
        "Rounds of test calls to end",
        _TEST_CALLS,
        queries.get_stale_rounds,
        "created_at",
        60,
        "end rounds of test calls",
        get_moment=lambda created_at: created_at + queries.get_round_time(),
    ),
    _build_kind(
        "test_results",
        "Test calls to count",
        _TEST_CALLS,
        queries.get_results_to_count,
        "answered_at",
        15,
        "count test calls",
        get_moment=lambda answered_at: answered_at + queries.get_hold_time(),
    ),
    _build_kind(
        "digests",
        "Mails about spam tags",
        "digests.send_digests",
        queries.get_untold_members,
        _WAITING,
        0,  # the query finds only what is late
        "digests",
        is_cheap=False,
    ),
    _build_kind(
        "complaint_pages",
        "The FTC's list of complaint files",
        _FILES,
        queries.get_complaint_pages,
        _WAITING,
        24 * 60,
        "fetch complaint files",
    ),
    _build_kind(
        "complaint_files",
        "The FTC's complaint files",
        _FILES,
        queries.get_complaint_files,
        _DUE,
        24 * 60,
        "fetch complaint files",
    ),
    _build_kind(
        "fcc", "The FCC's complaint data", "fcc.ask_fcc", queries.get_fcc_datasets, _WAITING, 120, "ask the FCC"
    ),
    _build_kind(
        "new_engines",
        "Engines to register numbers with",
        _ENGINES,
        queries.get_new_engines,
        "in_use_since",
        180,
        "register with new engines",
        get_moment=lambda since: since + BACKFILL_DELAY,
    ),
    _build_kind(
        "retired_engines",
        "Engines whose tags are to end",
        _ENGINES,
        queries.get_retiring_engines,
        _WAITING,
        180,
        "retire engines",
    ),
    _build_kind(
        "stale_imports",
        "Imports that were not confirmed",
        "imports.end_stale_imports",
        queries.get_stale_imports,
        "received_at",
        60,
        "end stale imports",
        get_moment=lambda received_at: received_at + get_retention(),
    ),
)

WITHOUT_WORK = {
    "reputation.tasks.maintenance.record_heartbeat": "It records that tasks run.",
    "reputation.tasks.maintenance.prune": "It deletes old rows once a day, and nobody waits for that.",
    "reputation.tasks.demo_loop.run_demo_loop": "It runs the other tasks.",
}
