"""No page offers an action that the member's role does not have: no form, button or link leads to one.

Walks every page in every state, as a viewer and as an admin, and looks up the permission of each address on it.
"""

from __future__ import annotations

import logging
from collections.abc import Iterator
from html.parser import HTMLParser
from urllib.parse import urljoin, urlsplit

import pytest
from django.http import HttpResponse
from django.test import Client
from django.urls import Resolver404, resolve
from django.utils import timezone

from portal.accounts.roles import MEMBER_ROLES, Permission
from portal.models import Account, Member, User
from reputation.demo import data
from tests.browser.page_states import PageState, page_states
from tests.factories import MemberFactory
from tests.support.url_access import POST_NEEDS

pytestmark = pytest.mark.django_db

# By attribute, the method of the request that it makes. A form without a method is a GET.
LINK_ATTRIBUTES = {
    "href": "get",
    "formaction": "post",
    "hx-get": "get",
    "hx-post": "post",
    "hx-put": "put",
    "hx-patch": "patch",
    "hx-delete": "delete",
}


class OfferParser(HTMLParser):
    """Collects the method and address of each form, link and htmx request."""

    def __init__(self) -> None:
        super().__init__()
        self.offers: list[tuple[str, str]] = []

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        attributes = {name: value or "" for name, value in attrs}
        if tag == "form":
            self.offers.append((attributes.get("method", "get").lower(), attributes.get("action", "")))
        self.offers += [
            (method, attributes[name])
            for name, method in LINK_ATTRIBUTES.items()
            if attributes.get(name) and tag != "link"
        ]


@pytest.fixture
def scenes(settings, tmp_path, caplog) -> list[PageState]:
    """Every page in every state, on top of the demo's data."""
    caplog.set_level(logging.CRITICAL, "django.request")
    settings.SIMULATED_DIR, settings.DATA_DIR = tmp_path / "simulated", tmp_path
    data.seed(now=timezone.now())
    return list(page_states())


def sign_in(account: Account, role: str) -> Client:
    """A client with this role. Owners that pages name keep theirs."""
    member = account.members.filter(role=role, user__is_active=True, user__staff_role=User.StaffRole.NONE).first()
    client = Client()
    client.force_login((member or MemberFactory(account=account, role=role)).user)
    return client


def is_page(response: HttpResponse) -> bool:
    return response.status_code < 400 and response.headers.get("Content-Type", "").startswith("text/html")


def find_refused_offers(response: HttpResponse, address: str, allowed: frozenset[Permission]) -> Iterator[str]:
    """The offers of the page that need a permission which is not allowed."""
    parser = OfferParser()
    parser.feed(response.content.decode())
    for method, offered in parser.offers:
        parts = urlsplit(urljoin(address, offered))
        if parts.netloc or parts.scheme:
            continue
        try:
            found = resolve(parts.path)
        except Resolver404:
            continue
        needed = getattr(found.func, "permission", None)
        if method != "get":
            needed = POST_NEEDS.get(found.url_name or "", needed)
        if needed and needed not in allowed:
            yield f"{method} {offered}"


@pytest.mark.parametrize("role", [Member.Role.VIEWER, Member.Role.ADMIN])
def test_no_page_offers_what_the_role_may_not_do(scenes, role):
    clients: dict[int, Client] = {}
    walked, refused = 0, []
    for scene in scenes:
        if scene.member is None:
            continue
        account = scene.member.account
        client = clients.get(account.pk) or clients.setdefault(account.pk, sign_in(account, role))
        response = client.get(scene.address)
        if not is_page(response):
            continue
        walked += 1
        refused += [
            f"{scene.name}: {offer}" for offer in find_refused_offers(response, scene.address, MEMBER_ROLES[role])
        ]
    assert walked > 40
    assert refused == []


def test_an_offer_that_is_refused_is_found(as_admin, account):
    """The pages of an admin offer what a viewer may not do, so the test above can fail."""
    offers = list(find_refused_offers(as_admin.get("/"), "/", MEMBER_ROLES[Member.Role.VIEWER]))
    assert offers
