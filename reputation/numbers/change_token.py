"""The change token, by which an open page learns that it is outdated: every change of state writes an audit event."""

from portal.models import Account, AuditEvent


def get_change_token(account: Account) -> str:
    """A token that changes with every state of the account, and is unique to it; one query on an index."""
    newest = AuditEvent.objects.for_account(account).order_by("-pk").values_list("pk", flat=True).first()
    return f"{account.pk}-{newest or 0}"
