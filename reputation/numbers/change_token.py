"""Whether an open page is still true: the account's newest audit event, since every change of state writes one."""

from portal.models import Account, AuditEvent


def get_change_token(account: Account) -> str:
    """Changes whenever a state of the account's changes, and no two accounts share one; one query on an index."""
    newest = AuditEvent.objects.for_account(account).order_by("-pk").values_list("pk", flat=True).first()
    return f"{account.pk}-{newest or 0}"
