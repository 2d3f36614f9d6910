"""The menu, as a table: groups and names as the specification has them."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

from django.http import HttpRequest

from portal.models import Account


@dataclass(frozen=True)
class MenuItem:
    """A line of the menu. It is current on every page whose URL name is in `pages` (the first is its own)."""

    name: str
    icon: str
    pages: tuple[str, ...]
    counts_what_needs_you: bool = False

    @property
    def url_name(self) -> str:
        return self.pages[0]


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
            MenuItem("Number Reputation", "shield", ("number-reputation", "number", "case", "confirm"), True),
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
            MenuItem("Your settings", "settings", ("preferences", "password_change")),
        ),
    ),
)

# Filled by the app that knows the number (reputation), so that this one need not know of it.
_context_providers: list[Callable[[Account], dict[str, Any]]] = []


def register_context_provider(context: Callable[[Account], dict[str, Any]]) -> None:
    """An app further up (reputation) adds what every page shows of it, so that this one need not know of it."""
    _context_providers.append(context)


def menu(request: HttpRequest) -> dict[str, Any]:
    """The context of every page: the menu, and whether each item is where the reader is."""
    account = getattr(request, "account", None)
    if account is None or request.resolver_match is None:
        return {}
    here = request.resolver_match.url_name or ""
    return {
        **{name: value for context in _context_providers for name, value in context(account).items()},
        "account": account,
        "member": request.member,
        "memberships": request.memberships,
        "menu": [
            {
                "name": group.name,
                "items": [{"item": item, "current": _is_current(item, here)} for item in group.items],
            }
            for group in MENU
        ],
    }


def _is_current(item: MenuItem, here: str) -> bool:
    """The item whose page name is the longest beginning of this page's name."""
    best = max(
        (page for group in MENU for other in group.items for page in other.pages if here.startswith(page)),
        key=len,
        default="",
    )
    return bool(best) and best in item.pages
