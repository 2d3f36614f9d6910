"""Verify the audit trail: compare each batch with its events, and each chain with its batches.

The memory used does not depend on the number of events, and nobody's work is stopped. Batches that are linked meanwhile
are left to the next time.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, field
from datetime import timedelta

from django.db.models import Count, Exists, Max, Min, OuterRef, QuerySet
from django.db.models.functions import Coalesce

from portal.audit import erasure
from portal.audit.batches import EventDigest, read_digests
from portal.audit.chain import compute_hash, link_remaining, of_accounts
from portal.audit.identities import compute_digest
from portal.audit.personal_texts import compute_digest_of_texts
from portal.models import Account, AuditBatch, AuditChain, AuditEvent, AuditIdentity, AuditPersonalText
from portal.text import pluralize

# Batches that are read at once, and about as many events.
BATCHES, EVENTS = 500, 20_000
# The previous release may run for so long after the first batch, and writes events without one.
UPGRADE_TIME = timedelta(days=1)


@dataclass(frozen=True)
class Finding:
    """Something that does not hold. `account_id` is None for events without an account."""

    account_id: int | None
    text: str


@dataclass
class Verification:
    """The numbers of what was verified. `uncovered` events have no batch, because an earlier release wrote them.
    Texts of a person were erased from `erased` batches."""

    account: Account | None = None
    events: int = 0
    batches: int = 0
    chains: int = 0
    uncovered: int = 0
    erased: int = 0
    heads: list[AuditChain] = field(default_factory=list)

    def run(self) -> Iterator[Finding]:
        """Verify the trail of the account, or of all accounts and of what belongs to none."""
        link_remaining()
        for chain in self._of_account(AuditChain.objects.order_by("account_id")).iterator():
            yield from self._verify_chain(chain)
        yield from self._find_chains_without_head()
        yield from self._find_events_of_no_batch()
        yield from self._find_events_without_batch()
        yield from self._find_altered_identities()
        yield from self._find_altered_personal_texts()
        for erased in erasure.find_unrecorded(self.account):
            yield Finding(erased.account_id, f"erasure {erased.pk} of texts is not the one that was recorded")

    def _of_account(self, rows: QuerySet) -> QuerySet:
        return rows.filter(account=self.account) if self.account else rows

    def _verify_chain(self, chain: AuditChain) -> Iterator[Finding]:
        self.chains += 1
        self.heads.append(chain)
        last = AuditBatch(position=0)
        for group in _read_groups(chain):
            digests = read_digests(chain.account_id, group)
            erased = erasure.read_hashes(group)
            for batch in group:
                is_erased = erased.get(batch.pk) == digests[batch.number].hexdigest
                self.erased += is_erased
                yield from _compare(batch, last, digests[batch.number], is_erased)
                last = batch
                self.batches += 1
                self.events += digests[batch.number].count
        if last.position != chain.position:
            yield _find_gap(chain.account_id, (last.position or 0) + 1, chain.position)
        elif last.hash != chain.hash:
            yield Finding(chain.account_id, f"batch {last.position} is not the one that the chain ends with")

    def _find_chains_without_head(self) -> Iterator[Finding]:
        head = AuditChain.objects.alias(of=Coalesce("account_id", 0)).filter(of=Coalesce(OuterRef("account_id"), 0))
        rows = self._of_account(AuditBatch.objects.filter(~Exists(head), position__isnull=False))
        for account_id, count in rows.values_list("account_id").annotate(Count("pk")).order_by("account_id"):
            yield Finding(account_id, f"the end of the chain was deleted: batches: {count:,}")

    def _find_events_of_no_batch(self) -> Iterator[Finding]:
        batch = AuditBatch.objects.alias(of=Coalesce("account_id", 0)).filter(
            number=OuterRef("batch"), of=Coalesce(OuterRef("account_id"), 0)
        )
        events = self._of_account(AuditEvent.objects.filter(~Exists(batch), batch__isnull=False))
        yield from _describe_groups(events, "inserted, or their batch was deleted")

    def _find_events_without_batch(self) -> Iterator[Finding]:
        events = self._of_account(AuditEvent.objects.filter(batch__isnull=True))
        begun = AuditBatch.objects.aggregate(at=Min("at"))["at"]
        later = AuditBatch.objects.filter(at__gt=begun + UPGRADE_TIME) if begun else AuditBatch.objects.none()
        bound = later.aggregate(first=Min("first_event_id"))["first"]
        if bound is None:
            self.uncovered = events.count()
            return
        self.uncovered = events.filter(pk__lt=bound).count()
        yield from _describe_groups(events.filter(pk__gt=bound), "inserted without a batch")

    def _find_altered_identities(self) -> Iterator[Finding]:
        for identity in AuditIdentity.objects.filter(erased_at__isnull=True).iterator():
            if compute_digest(identity.salt, identity.name, identity.email) != identity.digest:
                yield Finding(None, f"the name or the address of identity {identity.pk} was altered")

    def _find_altered_personal_texts(self) -> Iterator[Finding]:
        texts = self._of_account(AuditPersonalText.objects.filter(erased_at__isnull=True))
        for text in texts.iterator():
            if compute_digest_of_texts(text) != text.digest:
                yield Finding(text.account_id, f"personal text {text.pk} of an event was altered")


def _read_groups(chain: AuditChain) -> Iterator[list[AuditBatch]]:
    """The linked batches in the order of the chain, as many at once as have about EVENTS events."""
    batches = AuditBatch.objects.filter(of_accounts([chain.account_id]), position__lte=chain.position)
    last = 0
    while page := list(batches.filter(position__gt=last).order_by("position")[:BATCHES]):
        group: list[AuditBatch] = []
        events = 0
        for batch in page:
            group.append(batch)
            events += batch.event_count
            if events >= EVENTS:
                yield group
                group, events = [], 0
        if group:
            yield group
        last = page[-1].position or 0


def _compare(batch: AuditBatch, previous: AuditBatch, digest: EventDigest, is_erased: bool) -> Iterator[Finding]:
    account_id, place = batch.account_id, f"batch {batch.position} of {batch.at:%Y-%m-%d %H:%M:%S} UTC"
    before, position = previous.position or 0, batch.position or 0
    if position != before + 1:
        yield _find_gap(account_id, before + 1, position - 1)
    elif batch.hash != compute_hash(previous.hash, batch, position):
        yield Finding(account_id, f"{place} does not follow from the one before: altered, or in another place")
    if is_erased or digest.hexdigest == batch.content_hash:
        return
    if digest.count < batch.event_count:
        yield Finding(account_id, f"{place}: {pluralize(batch.event_count - digest.count, 'event')} deleted")
    elif digest.count > batch.event_count:
        yield Finding(account_id, f"{place}: {pluralize(digest.count - batch.event_count, 'event')} inserted")
    else:
        yield Finding(account_id, f"{place}: events altered, or in another order")


def _find_gap(account_id: int | None, first: int, last: int) -> Finding:
    return Finding(
        account_id, f"batch {first} is missing" if first >= last else f"batches {first} to {last} are missing"
    )


def _describe_groups(events: QuerySet[AuditEvent], what: str) -> Iterator[Finding]:
    groups = events.values_list("account_id").annotate(Count("pk"), Min("pk"), Max("pk")).order_by("account_id")
    for account_id, count, first, last in groups:
        yield Finding(account_id, f"{pluralize(count, 'event')} {what}: ids {first} to {last}")
