"""All invariants, subject by subject."""

from __future__ import annotations

from reputation.invariants import audit_trail, capability, cases, counts, mails, messages, numbers, work
from reputation.invariants.registry import Invariant

INVARIANTS: tuple[Invariant, ...] = (
    *numbers.INVARIANTS,
    *cases.INVARIANTS,
    *counts.INVARIANTS,
    *capability.INVARIANTS,
    *work.INVARIANTS,
    *messages.INVARIANTS,
    *mails.INVARIANTS,
    *audit_trail.INVARIANTS,
)
