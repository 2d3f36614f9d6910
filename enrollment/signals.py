"""Signals sent inside the transaction of a decision. A receiver that fails undoes the decision."""

from django.dispatch import Signal

# An approval was withdrawn. Arguments: `application`, `account` and `context` (portal.audit.Context).
revoked = Signal()
