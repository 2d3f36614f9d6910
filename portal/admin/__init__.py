"""Django admin: users, accounts with their licences and members, and the audit trail. For staff only.

`portal.accounts.roles` has what each staff role may do here. enrollment.admin adds the applications.
"""

from portal.admin import accounts, audit_trail, licences, users

__all__ = ["accounts", "audit_trail", "licences", "users"]
