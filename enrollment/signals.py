"""Sent inside the transaction of a decision, so that what follows from it is done with it or not at all.

`decided` after approval, rejection and a question for more; `revoked` when an approval is taken back. Both come with
`application`, `account`, `actor` (portal.audit.Actor) and `now`.
"""

from django.dispatch import Signal

decided = Signal()
revoked = Signal()
