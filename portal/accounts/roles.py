"""The role table: every role, and the permissions it has.

The decorators of `portal.accounts.access`, the templates (`may`), the API's scopes and Django admin all ask this table.
A person has one role in each account (`Member.role`) and at most one staff role (`User.staff_role`). The two are
independent: a staff role gives nothing in the portal's pages, and a member's role gives nothing in Django admin.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from enum import StrEnum

from django.contrib.auth.models import AbstractBaseUser, AnonymousUser
from django.db.models import QuerySet

from portal.models import Member, User


class Permission(StrEnum):
    # Members, in the portal, for their account.
    VIEW_ACCOUNT = "view_account"
    EDIT_ACCOUNT = "edit_account"  # numbers, imports, campaigns, cases, the enrollment and webhooks
    MANAGE_ACCOUNT = "manage_account"  # members, API keys, webhook secrets, the account's name and time zone
    # Staff, in Django admin, for all accounts.
    DECIDE_APPLICATIONS = "decide_applications"
    READ_ACCOUNTS = "read_accounts"  # accounts and their licences, without members
    CHANGE_ACCOUNTS = "change_accounts"  # accounts and their licences
    CHANGE_MEMBERS = "change_members"
    READ_AUDIT_TRAIL = "read_audit_trail"  # names members and their e-mail addresses
    READ_COMPLAINT_FILES = "read_complaint_files"
    READ_MAILS = "read_mails"  # the outbox: recipients, subjects and failures, and have a mail sent again
    MANAGE_USERS = "manage_users"
    OPERATE = "operate"  # see what is late or fails, and mark failures as seen
    MANAGE_PROVIDERS = "manage_providers"  # connections, which provider acts for an engine, and the table of carriers
    # API keys, for their account.
    MATCH_BY_API = "match_by_api"
    READ_BY_API = "read_by_api"
    WRITE_BY_API = "write_by_api"
    REPORT_BY_API = "report_by_api"
    CALL_BY_API = "call_by_api"  # plan, take and answer test calls


MEMBER_ROLES: dict[str, frozenset[Permission]] = {
    Member.Role.OWNER: frozenset({Permission.VIEW_ACCOUNT, Permission.EDIT_ACCOUNT, Permission.MANAGE_ACCOUNT}),
    Member.Role.ADMIN: frozenset({Permission.VIEW_ACCOUNT, Permission.EDIT_ACCOUNT}),
    Member.Role.VIEWER: frozenset({Permission.VIEW_ACCOUNT}),
}

STAFF_ROLES: dict[str, frozenset[Permission]] = {
    User.StaffRole.NONE: frozenset(),
    User.StaffRole.REVIEWER: frozenset({Permission.DECIDE_APPLICATIONS, Permission.READ_ACCOUNTS}),
    User.StaffRole.OPERATOR: frozenset(
        {
            Permission.READ_ACCOUNTS,
            Permission.CHANGE_ACCOUNTS,
            Permission.CHANGE_MEMBERS,
            Permission.READ_AUDIT_TRAIL,
            Permission.READ_COMPLAINT_FILES,
            Permission.OPERATE,
            Permission.READ_MAILS,
            Permission.MANAGE_PROVIDERS,
        }
    ),
    User.StaffRole.SUPERUSER: frozenset(
        {
            Permission.DECIDE_APPLICATIONS,
            Permission.READ_ACCOUNTS,
            Permission.CHANGE_ACCOUNTS,
            Permission.CHANGE_MEMBERS,
            Permission.READ_AUDIT_TRAIL,
            Permission.READ_COMPLAINT_FILES,
            Permission.OPERATE,
            Permission.READ_MAILS,
            Permission.MANAGE_USERS,
            Permission.MANAGE_PROVIDERS,
        }
    ),
}


@dataclass(frozen=True)
class Scope:
    """A role of API keys. A key may have several; none includes another, so a key that writes need not read."""

    code: str
    label: str
    description: str
    permissions: frozenset[Permission]


API_SCOPES = {
    scope.code: scope
    for scope in (
        Scope(
            "match",
            "Match",
            "Ask which caller ID to show for a call. For dialers.",
            frozenset({Permission.MATCH_BY_API}),
        ),
        Scope(
            "read",
            "Read",
            "See numbers, their reputation, cases, campaigns, the enrollment and events.",
            frozenset({Permission.READ_BY_API}),
        ),
        Scope(
            "write",
            "Write",
            "Add, change, remove, import, enable and disable numbers, change campaigns, and go on with failed cases.",
            frozenset({Permission.WRITE_BY_API}),
        ),
        Scope(
            "report",
            "Report",
            "Report spam labels that called people saw, and send photos of them. For the software of agents.",
            frozenset({Permission.REPORT_BY_API}),
        ),
        Scope(
            "test_call",
            "Test calls",
            "Begin rounds of test calls, take their calls, and record what telephones showed.",
            frozenset({Permission.CALL_BY_API}),
        ),
    )
}


def get_member_permissions(member: Member) -> frozenset[Permission]:
    """What the member may do in the portal, for their account."""
    return MEMBER_ROLES[member.role]


def get_member_roles(permission: Permission) -> list[str]:
    """The member roles that have the permission, for queries."""
    return [role for role, permissions in MEMBER_ROLES.items() if permission in permissions]


def get_template_flags(permissions: Iterable[Permission]) -> dict[str, bool]:
    """For templates, where `may.edit_account` reads better than a test of membership: every permission, as a flag."""
    return dict.fromkeys(map(str, Permission), False) | dict.fromkeys(map(str, permissions), True)


def staff_may(user: AbstractBaseUser | AnonymousUser, permission: Permission) -> bool:
    """Whether the user may do this in Django admin. Inactive and anonymous users may do nothing."""
    return isinstance(user, User) and user.is_active and permission in STAFF_ROLES[user.staff_role]


def get_active_staff() -> QuerySet[User]:
    """The active users who have a staff role, whichever it is."""
    return User.objects.filter(is_active=True).exclude(staff_role=User.StaffRole.NONE)
