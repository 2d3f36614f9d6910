"""Tables that name a person by address only, because the person may have no user."""

from __future__ import annotations

from portal.models import FailedSignIn, Invitation, OutgoingMail
from portal.privacy.tables import Table

# The rows are the person's own: they are exported, and deleted when the person is erased.
ADDRESS_COLUMNS: dict[Table, str] = {Invitation: "email", OutgoingMail: "recipient", FailedSignIn: "email"}
