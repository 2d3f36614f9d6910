"""What has to hold after a fault: the portal comes to rest, nothing acknowledged is lost, and the invariants hold."""

from __future__ import annotations

import time
from collections.abc import Callable
from pathlib import Path
from typing import Any, TypeVar

from django.db import connection
from django.db.models import QuerySet
from django.db.utils import DatabaseError
from django.utils import timezone

from portal.jobs.work import due_work
from portal.models import WebhookDelivery, WebhookMessage
from reputation.invariants.all import INVARIANTS
from reputation.invariants.registry import check
from reputation.models import BulkAction, LabelReport, NumberImport, PhoneNumber
from tests.torture.accounts import ApiAccount
from tests.torture.load import Ledger

Answer = TypeVar("Answer")
REST_SECONDS = 240
# The longest recovery that is allowed.
WORST_SECONDS = 90
LOST_EXAMPLES = 5
# The invariants that hold again by themselves: late work is done, and claims of a fast clock end once it is right.
MENDED = frozenset({"late_work", "claims_end"})


def ask(question: Callable[[], Answer]) -> Answer:
    """Ask the database, whose connection a fault may have cut."""
    try:
        return question()
    except DatabaseError:
        connection.close()
        return question()


def is_at_rest(account: ApiAccount) -> bool:
    """Whether no import, bulk action or due webhook of the account waits or is under way.

    A webhook that its receiver refused waits for its next attempt, for up to hours, and those behind it wait for it.
    That is not lost.
    """
    imports = NumberImport.objects.for_account(account.account).filter(state__in=NumberImport.IN_PROGRESS)
    actions = BulkAction.objects.for_account(account.account).in_progress()
    deliveries = WebhookDelivery.objects.for_account(account.account).due(timezone.now())
    return not (imports.exists() or actions.exists() or deliveries.exists())


def wait_for_rest(account: ApiAccount) -> str:
    """Wait until the account's work is done; return what is left if that takes longer than REST_SECONDS."""
    until = time.monotonic() + REST_SECONDS
    while not ask(lambda: is_at_rest(account)):
        if time.monotonic() > until:
            now = timezone.now()
            return "; ".join(f"{work.kind.name} since {work.since:%H:%M:%S}" for work in due_work(now)) or "unknown"
        time.sleep(0.5)
    return ""


def find_lost(account: ApiAccount, ledger: Ledger, received: Path) -> list[str]:
    """What the portal acknowledged and does not have, and webhooks it believes delivered; empty if nothing is lost."""
    messages = WebhookMessage.objects.filter(
        account=account.account, deliveries__state=WebhookDelivery.State.DELIVERED
    ).only("pk", "batch")
    delivered = {message.event_id for message in messages.iterator()}
    return _describe(
        {
            "numbers": set(ledger.numbers) - _get_e164(account),
            "imports": _get_missing(NumberImport.objects.all(), [pk for pk, _numbers in ledger.imports]),
            "bulk actions": _get_missing(BulkAction.objects.all(), ledger.bulk_actions),
            "reports of labels": _get_missing(LabelReport.objects.all(), ledger.reports),
            # Read after the deliveries: what is written there meanwhile is no matter.
            "webhooks": delivered - set(received.read_text().split()),
        }
    )


def find_unfinished(account: ApiAccount, ledger: Ledger) -> list[str]:
    """What the portal accepted and, although it is at rest, has not done; empty if everything is done."""
    done_imports = NumberImport.objects.filter(state=NumberImport.State.DONE)
    imported = {number for _pk, numbers in ledger.imports for number in numbers}
    done_actions = BulkAction.objects.filter(state=BulkAction.State.DONE)
    return _describe(
        {
            "unfinished imports": _get_missing(done_imports, [pk for pk, _numbers in ledger.imports]),
            "numbers of imports": imported - _get_e164(account),
            "unfinished bulk actions": _get_missing(done_actions, ledger.bulk_actions),
        }
    )


def _get_e164(account: ApiAccount) -> set[str]:
    return set(PhoneNumber.objects.for_account(account.account).values_list("e164", flat=True))


def _get_missing(rows: QuerySet[Any], pks: list[int]) -> set[int]:
    return set(pks) - set(rows.values_list("pk", flat=True))


def _describe(lost: dict[str, set[Any]]) -> list[str]:
    return [
        f"{len(keys)} {name}: {', '.join(map(str, sorted(keys)[:LOST_EXAMPLES]))}"
        for name, keys in lost.items()
        if keys
    ]


def find_violations(ended: float) -> list[str]:
    """The invariants that do not hold, and why.

    What the portal mends by itself may need as long as recovery may take, counted from the end of the fault
    (time.monotonic()).
    """
    while True:
        violations = check(INVARIANTS, timezone.now())
        is_mended = {violation.invariant.name for violation in violations} <= MENDED
        if not violations or not is_mended or time.monotonic() > ended + WORST_SECONDS:
            return [f"{violation.invariant.name}: {violation.keys[:LOST_EXAMPLES]}" for violation in violations]
        time.sleep(1)
