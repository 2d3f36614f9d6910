"""Every address asks a stranger to sign in, knows only one's own account, and lets a viewer change nothing."""

import pytest
from django.apps import apps
from django.core.handlers.wsgi import WSGIRequest
from django.urls import reverse

from tests.factories import AccountFactory, UserFactory
from tests.support.urls import POST_DATA, PUBLIC_URLS, ApiOperation, Url, all_api_operations, all_page_urls

pytestmark = pytest.mark.django_db

# What a viewer may do, because it is about themselves and not about the account.
PERSONAL_URLS = {"switch-account", "preferences", "password_change", "password_change_done"}
# Password pages are for whoever has no account yet, too.
ACCOUNTLESS_URLS = {"password_change", "password_change_done"}

URLS = all_page_urls()
OPERATIONS = all_api_operations()
MEMBERS_ONLY = [url for url in URLS if url.name not in PUBLIC_URLS]


def url_id(url: Url | ApiOperation) -> str:
    return str(url)


@pytest.mark.parametrize("url", MEMBERS_ONLY, ids=url_id)
def test_a_stranger_is_asked_to_sign_in(url, account, client):
    address = url.of(account)
    answers = [client.get(address), client.post(address, POST_DATA.get(url.name, {}))]
    sent_to_sign_in = [answer for answer in answers if answer.status_code == 302]
    assert sent_to_sign_in, f"A stranger got {answers} from {address}"
    assert all(answer.url.startswith(reverse("sign-in")) for answer in sent_to_sign_in)
    assert all(answer.status_code in (302, 405) for answer in answers)


@pytest.mark.parametrize("url", [url for url in MEMBERS_ONLY if url.arguments], ids=url_id)
def test_another_accounts_ids_are_not_found(url, owner, client_for):
    client = client_for(owner)
    theirs, own = url.of(AccountFactory()), url.of(owner.account)
    before = database_snapshot()
    refused = [client.get(theirs), client.post(theirs, POST_DATA.get(url.name, {}))]
    assert database_snapshot() == before
    assert {answer.status_code for answer in refused} in ({404}, {404, 405}), f"{refused} from {theirs}"
    # The same about an object of one's own is found: it is the account that makes the difference.
    found = [client.get(own), client.post(own, POST_DATA.get(url.name, {}))]
    assert any(answer.status_code not in (404, 405) for answer in found), f"{found} from {own}"


@pytest.mark.parametrize("url", [url for url in MEMBERS_ONLY if url.name not in PERSONAL_URLS], ids=url_id)
def test_a_viewer_changes_nothing(url, viewer, client_for, monkeypatch):
    address = url.of(viewer.account)
    client = client_for(viewer)
    before = database_snapshot()
    read = record_post_reads(monkeypatch)
    answer = client.post(address, POST_DATA.get(url.name, {}))
    assert database_snapshot() == before
    # Whoever reads what was posted means to act on it. A page that does not may be shown in answer to a POST, too.
    assert answer.status_code in (403, 405) or not read, f"{address} acts on a viewer's POST: {answer}"
    if answer.status_code == 403:
        assert "You cannot do this" in answer.content.decode()


@pytest.mark.parametrize(
    "url", [url for url in MEMBERS_ONLY if not url.arguments and url.name not in ACCOUNTLESS_URLS], ids=url_id
)
def test_someone_without_an_account_sees_none(url, client):
    AccountFactory()
    client.force_login(UserFactory())
    answers = {answer.status_code for answer in (client.get(reverse(url.name)), client.post(reverse(url.name)))}
    assert 403 in answers
    assert answers <= {403, 405}


# The API


@pytest.mark.parametrize("operation", OPERATIONS, ids=url_id)
def test_without_a_key_the_api_does_nothing(operation, account, owner, client_for):
    address, client = operation.of(account), client_for(owner)  # who is signed in has no key by that
    before = database_snapshot()
    answer = operation.send(client, address)
    assert (answer.status_code, answer.json()["code"]) == (401, "key_missing")
    assert database_snapshot() == before


@pytest.mark.parametrize("operation", OPERATIONS, ids=url_id)
def test_a_key_without_the_scope_does_nothing(operation, account, api_client_for):
    others = [scope for scope in ("match", "read", "write") if scope != operation.scope]
    address, client = operation.of(account), api_client_for(account, *others)
    before = database_snapshot()
    answer = operation.send(client, address)
    assert (answer.status_code, answer.json()["code"]) == (403, "scope_missing")
    assert f'scope="{operation.scope}"' in answer.headers["WWW-Authenticate"]
    assert database_snapshot() == before


@pytest.mark.parametrize("operation", [one for one in OPERATIONS if one.arguments], ids=url_id)
def test_the_api_does_not_find_another_accounts_ids(operation, account, api_client_for):
    client = api_client_for(account)
    theirs, own = operation.of(AccountFactory()), operation.of(account)
    operation.send(client, theirs)  # that a key was used is noted, and nothing else
    before = database_snapshot()
    answer = operation.send(client, theirs)
    assert (answer.status_code, answer.json()["code"]) == (404, "not_found")
    assert database_snapshot() == before
    # The same about an object of one's own is found: it is the account that makes the difference.
    found = operation.send(client, own)
    assert found.status_code in (200, 202, 204, 409), found.content


@pytest.mark.parametrize("operation", [one for one in OPERATIONS if one.scope == "read"], ids=url_id)
def test_reading_changes_nothing(operation, account, api_client_for):
    address, client = operation.of(account), api_client_for(account, "read")
    operation.send(client, address)
    before = database_snapshot()
    assert operation.send(client, address).status_code == 200
    assert database_snapshot() == before


def test_what_only_reads_is_a_get_and_what_writes_is_not():
    found = {(one.scope, one.method == "GET") for one in OPERATIONS}
    assert found == {("read", True), ("write", False), ("match", False)}


# What people, scripts and broken links put into fields and addresses.
MALFORMED_INPUTS = [
    "\x00",
    "a\x00b",
    "\N{GRINNING FACE}" * 50,
    "x" * 10_000,
    "-1",
    "9" * 30,
    "\u0663",
    "\u00b2",
    "'\"<script>",
    "1~1",
    "%00",
]
FORM_FIELDS = """
account action after agreed all answer automatic_matching back before call campaign capability change daily_limit
description digest email engine event_types except expected filter find kind label name new_password1 new_password2 next
number numbers old_password page password q role shown signed_by sort source state status step ticket_reference
time_zone url username who
""".split()  # noqa: SIM905


@pytest.mark.parametrize("url", [url for url in URLS if set(url.arguments) <= {"pk"}], ids=url_id)
def test_odd_input_breaks_nothing(url, owner, client_for):
    client = client_for(owner)
    client.raise_request_exception = False
    for odd in MALFORMED_INPUTS:
        address = url.of(owner.account)
        typed = dict.fromkeys(FORM_FIELDS, odd)
        shown_rows = odd if odd.isascii() and odd.isprintable() else "1"
        answers = [
            client.get(address, typed),
            client.get(address, typed, headers={"HX-Request": "true", "X-Shown-Rows": shown_rows}),
            client.post(address, typed | POST_DATA.get(url.name, {})),
        ]
        assert all(answer.status_code < 500 for answer in answers), f"{answers} from {address} for {odd[:20]!r}"


def test_names_are_unique():
    names = [url.name for url in URLS]
    assert len(set(names)) == len(names)


def database_snapshot() -> dict[str, list]:
    """Everything the database holds, except who is signed in and when, and how often a key asked."""
    left_out = {"sessions.session", "portal.apiusage"}
    return {
        model._meta.label: list(model._base_manager.order_by("pk").values().iterator())
        for model in apps.get_models()
        if model._meta.label_lower not in left_out
    }


def record_post_reads(monkeypatch) -> list[str]:
    """Notes each time a view reads request.POST or request.FILES."""
    read: list[str] = []
    for name in ("POST", "FILES"):
        original = getattr(WSGIRequest, name)

        def noting(request, name=name, original=original):
            read.append(name)
            return original.__get__(request)

        monkeypatch.setattr(WSGIRequest, name, property(noting, original.fset))
    return read
