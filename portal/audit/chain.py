"""The chain of an account's batches: each is linked to the one before by a hash. Events without an account form a chain
of their own.

Batches are linked in a short transaction after the one that wrote them, or those of all chunks when a task ends. It
locks the account's chain and waits for no other lock afterwards, so it cannot deadlock with anything, and a transaction
that records events waits for nobody. If a process dies in between, its batches are linked with the account's next ones,
or by `verify_audit`.
"""

from __future__ import annotations

import hashlib
import json
import logging
from collections.abc import Iterable, Sequence
from datetime import UTC

from django.db import DatabaseError, transaction
from django.db.models import Q

from portal.db.bulk import insert_rows, update_rows
from portal.db.in_list import in_list
from portal.db.outages import is_outage
from portal.models import AuditBatch, AuditChain

logger = logging.getLogger(__name__)


def link_batches(accounts: Sequence[int | None]) -> int:
    """Link what is not linked yet in the chains of these accounts (None: without an account); return how many.

    One query if there is nothing to do, else five, or seven for an account's first batch. Never raises an error of the
    database: the change itself is committed, and the next call links the rest.
    """
    try:
        return _link(accounts)
    except DatabaseError as error:
        if not is_outage(error):
            logger.exception("Batches of the audit trail could not be linked. The next ones of the account try again.")
        return 0


def link_remaining() -> int:
    """Link what dead processes have left in all accounts."""
    accounts = AuditBatch.objects.unlinked().order_by().values_list("account_id", flat=True).distinct()
    return _link(list(accounts))


def compute_hash(previous: str, batch: AuditBatch, position: int) -> str:
    """The hash of a batch: over its place in the chain, its events, and the hash of the batch before."""
    values = [
        previous,
        batch.account_id,
        position,
        batch.number,
        batch.at.astimezone(UTC).isoformat(),
        batch.event_count,
        batch.first_event_id,
        batch.last_event_id,
        batch.content_hash,
    ]
    return hashlib.sha256(json.dumps(values).encode()).hexdigest()


def of_accounts(accounts: Iterable[int | None]) -> Q:
    """The condition that `account` is one of these, where None stands for rows without an account."""
    wanted = set(accounts)
    condition = Q(account__in=in_list(sorted(account for account in wanted if account is not None)))
    return condition | Q(account__isnull=True) if None in wanted else condition


def _link(accounts: Sequence[int | None]) -> int:
    unlinked = AuditBatch.objects.unlinked().filter(of_accounts(accounts)).order_by("pk")
    if not unlinked.exists():
        return 0
    with transaction.atomic():
        chains = _lock_chains(accounts)
        # Read after the lock: what another process has linked meanwhile is left out.
        batches = list(unlinked)
        for batch in batches:
            chain = chains[batch.account_id]
            chain.position += 1
            chain.hash = batch.hash = compute_hash(chain.hash, batch, chain.position)
            batch.position = chain.position
        update_rows(AuditBatch, [{"id": one.pk, "position": one.position, "hash": one.hash} for one in batches])
        moved = {batch.account_id for batch in batches}
        heads = [chains[account] for account in moved]
        update_rows(AuditChain, [{"id": one.pk, "position": one.position, "hash": one.hash} for one in heads])
    return len(batches)


def _lock_chains(accounts: Sequence[int | None]) -> dict[int | None, AuditChain]:
    """The chains in the order of their accounts, so that two processes cannot lock each other out."""
    wanted = set(accounts)
    rows = AuditChain.objects.filter(of_accounts(wanted)).select_for_update().order_by("account_id")
    chains = {chain.account_id: chain for chain in rows}
    if missing := wanted - chains.keys():
        ordered = sorted(missing, key=lambda account: account or 0)
        insert_rows(AuditChain, [{"account_id": account} for account in ordered], ignore_conflicts=True)
        chains = {chain.account_id: chain for chain in rows.all()}
    return chains
