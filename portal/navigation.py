"""The menu: groups and names as in the specification."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from functools import cache
from typing import Any

from django.urls import reverse

from portal.accounts.access import MemberRequest
from portal.accounts.roles import get_template_flags
from portal.models import Account


@dataclass(frozen=True)
class MenuItem:
    """An item of the menu. It is current on every page whose URL name starts with one of the prefixes.

    The first prefix is the URL name of the item's own page.
    """

    name: str
    icon: str
    url_name_prefixes: tuple[str, ...]
    shows_tagged_count: bool = False

    @property
    def url_name(self) -> str:
        return self.url_name_prefixes[0]


@dataclass(frozen=True)
class MenuGroup:
    name: str
    items: tuple[MenuItem, ...]


MENU = (
    MenuGroup("", (MenuItem("Overview", "house", ("overview",)),)),
    MenuGroup(
        "Number Management",
        (
            MenuItem("Phone Numbers", "phone", ("phone-numbers", "phone-number-", "import")),
            MenuItem(
                "Number Reputation", "shield", ("number-reputation", "number", "case", "bulk-action", "label-"), True
            ),
            MenuItem("Test calls", "phone-call", ("test-calls", "test-", "telephone")),
            MenuItem("Remediation desk", "inbox", ("desks", "desk")),
        ),
    ),
    MenuGroup("Outbound Dialer", (MenuItem("Campaigns", "grip", ("campaigns", "campaign")),)),
    MenuGroup(
        "Service",
        (MenuItem("Enrollment", "file-text", ("enrollment",)), MenuItem("Audit trail", "list", ("audit-trail",))),
    ),
    MenuGroup(
        "Account",
        (
            MenuItem("Members", "users", ("members", "member")),
            MenuItem("API keys", "key-round", ("api-keys", "api-key", "api-reference")),
            MenuItem("Webhooks", "webhook", ("webhooks", "webhook")),
            MenuItem(
                "Your settings",
                "settings",
                ("preferences", "account-settings", "account_change_password", "mfa_", "session"),
            ),
        ),
    ),
)

_context_providers: list[Callable[[Account], dict[str, Any]]] = []


def register_context_provider(provider: Callable[[Account], dict[str, Any]]) -> None:
    """Register a function that adds to the context of every page. For apps that import this one."""
    _context_providers.append(provider)


def menu(request: MemberRequest) -> dict[str, Any]:
    """Context processor: the account, the member and the menu."""
    account = getattr(request, "account", None)
    if account is None or request.resolver_match is None:
        return {}
    url_name = request.resolver_match.url_name or ""
    return {
        **{name: value for provider in _context_providers for name, value in provider(account).items()},
        "account": account,
        "member": request.member,
        "may": get_template_flags(request.permissions),
        "memberships": request.memberships,
        "menu": _get_menu(url_name),
    }


@cache
def _get_menu(url_name: str) -> list[dict[str, Any]]:
    """The groups of the menu with their items, on the page with this URL name."""
    return [
        {
            "name": group.name,
            "items": [
                {"item": item, "url": reverse(item.url_name), "current": _is_current(item, url_name)}
                for item in group.items
            ],
        }
        for group in MENU
    ]


def _is_current(item: MenuItem, url_name: str) -> bool:
    """Whether the item has the longest prefix that matches the URL name."""
    prefixes = (prefix for group in MENU for other in group.items for prefix in other.url_name_prefixes)
    longest = max((prefix for prefix in prefixes if url_name.startswith(prefix)), key=len, default="")
    return bool(longest) and longest in item.url_name_prefixes
