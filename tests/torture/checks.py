"""What has to hold after a fault: the portal comes to rest, nothing acknowledged is lost, and the invariants hold."""

from __future__ import annotations

import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path
from typing import TypeVar

from django.db import connection
from django.db.utils import DatabaseError
from django.utils import timezone

from portal.jobs.work import due_work
from portal.models import WebhookDelivery, WebhookMessage
from reputation.models import BulkAction, LabelReport, NumberImport, PhoneNumber
from tests.support.processes import ROOT
from tests.torture.accounts import ApiAccount
from tests.torture.installation import Installation
from tests.torture.load import Ledger

Answer = TypeVar("Answer")
REST_SECONDS = 240
LOST_EXAMPLES = 5


def ask(question: Callable[[], Answer]) -> Answer:
    """Ask the database, whose connection a fault may have cut."""
    try:
        return question()
    except DatabaseError:
        connection.close()
        return question()


def is_at_rest(account: ApiAccount) -> bool:
    """Whether no import, bulk action or webhook of the account waits or is under way."""
    imports = NumberImport.objects.for_account(account.account).filter(state__in=NumberImport.IN_PROGRESS)
    actions = BulkAction.objects.for_account(account.account).in_progress()
    deliveries = WebhookDelivery.objects.filter(endpoint__account=account.account, state=WebhookDelivery.State.PENDING)
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
    """What the portal acknowledged and does not have, in words; empty if nothing is lost."""
    imported = [number for _pk, numbers in ledger.imports for number in numbers]
    wanted = {*ledger.numbers, *imported}
    there = set(PhoneNumber.objects.for_account(account.account).values_list("e164", flat=True))
    done = set(
        NumberImport.objects.filter(state=NumberImport.State.DONE).values_list("pk", flat=True),
    )
    applied = set(BulkAction.objects.filter(state=BulkAction.State.DONE).values_list("pk", flat=True))
    reports = set(LabelReport.objects.values_list("pk", flat=True))
    messages = WebhookMessage.objects.filter(
        account=account.account, deliveries__state=WebhookDelivery.State.DELIVERED
    ).only("pk", "batch")
    got = set(received.read_text().split())
    found = {
        "numbers": wanted - there,
        "imports": {pk for pk, _numbers in ledger.imports} - done,
        "bulk actions": set(ledger.bulk_actions) - applied,
        "reports of labels": set(ledger.reports) - reports,
        "webhooks": {message.event_id for message in messages.iterator()} - got,
    }
    return [
        f"{len(lost)} {name}: {', '.join(map(str, sorted(lost)[:LOST_EXAMPLES]))}"
        for name, lost in found.items()
        if lost
    ]


def find_violations(portal: Installation) -> str:
    """What `manage.py check_invariants` says, empty if everything holds."""
    environment = portal.environment | {"DATABASE_URL": portal.database.direct_url}
    command = [sys.executable, "manage.py", "check_invariants"]
    done = subprocess.run(command, cwd=ROOT, env=environment, capture_output=True, text=True, check=False)
    return "" if done.returncode == 0 else f"{done.stdout}{done.stderr}"[-4000:]
