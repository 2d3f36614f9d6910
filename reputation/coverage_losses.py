"""Losses of coverage: licences expire, or staff change them, and monitoring ends for the numbers beyond the seats.

`CoverageLoss` is the row of each. It is opened in the transaction that notices the loss; a sweep then ends the
monitoring, chunk by chunk, and stores what happened. A chunk counts again what is covered, so a killed worker, a second
worker and a licence that was renewed meanwhile do no harm.
"""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime, timedelta
from itertools import groupby

from django.db import transaction
from django.db.models import F

from portal.accounts import licence_expiry
from portal.audit import Context
from portal.jobs.claims import LeaseLost, RowClaim, claim_row, unclaimed
from portal.jobs.runner import enqueue
from portal.models import Account, AuditEvent, Licence, today_of
from portal.text import join_names
from reputation.matching.without_caller_id import get_campaigns_without_caller_id
from reputation.models import CoverageLoss, NumberCount
from reputation.monitoring.coverage import end_uncovered_chunk, lock_account
from reputation.monitoring.eligibility import (
    build_coverage,
    count_monitored_by_account,
    get_coverage,
    get_coverage_on,
)

END_TASK = "reputation.tasks.coverage.end_uncovered_numbers"
CHANGED_BY_STAFF = "The licences were changed by staff."
NOT_COVERED = "No licence covers the number any more."
MAX_CAMPAIGN_NAMES = 50


def on_licences_changing(sender: object, *, account: Account, context: Context, **kwargs: object) -> None:
    """Receives portal.signals.licences_changing: remember what is covered now, and let a worker compare."""
    included = get_coverage(account, context.now).includes_campaign_numbers
    open_loss(account, CHANGED_BY_STAFF, is_expiry=False, campaigns_were_included=included, now=context.now)
    enqueue(END_TASK)


def open_loss(
    account: Account, cause: str, *, is_expiry: bool, campaigns_were_included: bool, now: datetime
) -> CoverageLoss:
    """Open a loss of the account, or add the cause to the one that is unfinished."""
    with transaction.atomic():
        lock_account(account.pk)
        loss = CoverageLoss.objects.for_account(account).unfinished().first()
        if loss is None:
            newest = AuditEvent.objects.for_account(account).order_by("-pk").values_list("pk", flat=True).first()
            loss = CoverageLoss(account=account, created_at=now, last_event_id=newest or 0)
            loss.is_expiry = loss.campaigns_were_included = False
        loss.is_expiry |= is_expiry
        loss.campaigns_were_included |= campaigns_were_included
        if cause not in loss.cause:
            loss.cause = f"{loss.cause} {cause}".strip()[:300]
        # Not the claim and the count: a worker may hold the row.
        loss.save(update_fields=None if loss.pk is None else ["is_expiry", "campaigns_were_included", "cause"])
    return loss


def find_losses(now: datetime) -> int:
    """Open the losses of the licences that expired, and of accounts that are no longer covered; return how many."""
    found = 0
    for _, licences in groupby(licence_expiry.get_ended(now), key=lambda licence: licence.account_id):
        found += _open_expiry(list(licences), now)
    for account in _get_uncovered_accounts(now):
        included = get_coverage_on(account, today_of(account, now) - timedelta(days=1)).includes_campaign_numbers
        open_loss(account, NOT_COVERED, is_expiry=False, campaigns_were_included=included, now=now)
        found += 1
    return found


def _open_expiry(licences: Sequence[Licence], now: datetime) -> int:
    """Open the loss of an account's licences that expired and were not renewed; 0 if another process did it."""
    account = licences[0].account
    with transaction.atomic():
        lock_account(account.pk)
        all_licences = list(Licence.objects.for_account(account))
        marked = [licence for licence in licences if licence_expiry.mark_ended(licence)]
        ended = [licence for licence in marked if not licence_expiry.is_renewed(licence, all_licences)]
        if not ended:
            return len(marked)
        last_day = min(licence.valid_until for licence in ended if licence.valid_until)
        included = get_coverage_on(account, last_day).includes_campaign_numbers
        names = [f"{licence.get_product_display()} expired on {licence.valid_until:%-d %B %Y}" for licence in ended]
        cause = f"{join_names(names)}."
        open_loss(account, cause, is_expiry=True, campaigns_were_included=included, now=now)
    return 1


def _get_uncovered_accounts(now: datetime) -> list[Account]:
    """The accounts with monitored numbers that no licence covers, without those of an unfinished loss; four queries."""
    monitored = count_monitored_by_account(NumberCount.objects.all())
    unfinished = set(CoverageLoss.objects.unfinished().values_list("account_id", flat=True))
    accounts = Account.objects.in_bulk([pk for pk, count in monitored.items() if count.total and pk not in unfinished])
    licences: dict[int, list[Licence]] = {pk: [] for pk in accounts}
    for licence in Licence.objects.filter(account__in=accounts):
        licences[licence.account_id].append(licence)
    return [
        account
        for pk, account in accounts.items()
        if build_coverage(licences[pk], monitored[pk], today_of(account, now)).uncovered_count
    ]


def end_chunk(now: datetime) -> int:
    """End the monitoring of one chunk of numbers of an unfinished loss, or finish it; 0 if there is none."""
    waiting = CoverageLoss.objects.unfinished().filter(unclaimed(now)).order_by("pk")
    loss = waiting.select_related("account").first()
    claim = loss and claim_row(CoverageLoss.objects.unfinished(), loss.pk, now=now)
    if loss is None or claim is None:
        return 0
    try:
        with transaction.atomic():
            ended = end_uncovered_chunk(
                loss.account,
                campaigns_were_included=loss.campaigns_were_included,
                context=Context.system(now),
                reason=loss.cause,
            )
            if not ended:
                _finish(loss, claim, now)
            elif not claim.release(ended_count=F("ended_count") + len(ended)):
                raise LeaseLost
    except LeaseLost:
        return 0
    return max(len(ended), 1)


def _finish(loss: CoverageLoss, claim: RowClaim[CoverageLoss], now: datetime) -> None:
    """Store which campaigns have no caller ID. A change of licences that ended no monitoring leaves no trace.

    The account is locked, so that no cause is added meanwhile. Raises LeaseLost.
    """
    loss.refresh_from_db()
    if not loss.is_expiry and not loss.ended_count:
        if not claim.row.delete()[0]:
            raise LeaseLost
        return
    campaigns = get_campaigns_without_caller_id(loss.account_id, today_of(loss.account, now), limit=MAX_CAMPAIGN_NAMES)
    names = [campaign.name for campaign in campaigns]
    if not claim.release(campaign_names=names, finished_at=now, mail_due_at=now):
        raise LeaseLost
