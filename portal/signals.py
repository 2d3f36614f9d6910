"""Signals sent inside the transaction of a change. A receiver that fails undoes the change."""

from django.dispatch import Signal

# An operator is about to add, change or remove a licence. Arguments: `account` and `context` (portal.audit.Context).
licences_changing = Signal()
