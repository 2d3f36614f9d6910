"""Django admin: users, accounts with their licences and members, the audit trail and the outbox of mails. For staff.

`portal.accounts.roles` has what each staff role may do here. enrollment.admin adds the applications.
"""

from portal.admin import accounts, audit_trail, licences, mails, operations, users

__all__ = ["accounts", "audit_trail", "licences", "mails", "operations", "users"]
