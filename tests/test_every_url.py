"""Every address asks a stranger to sign in, knows only one's own account, and lets a viewer change nothing."""

import pytest
from django.apps import apps
from django.core.handlers.wsgi import WSGIRequest
from django.urls import reverse

from tests.every_url import POSTED, ApiOperation, Url, every_operation, every_url
from tests.factories import AccountFactory, UserFactory

pytestmark = pytest.mark.django_db

# Open to strangers, and about a person rather than an account.
FOR_STRANGERS = {"sign-in", "sign-out", "password_reset", "password_reset_done", "password_reset_confirm",
                 "password_reset_complete", "openapi"}  # fmt: skip
# What a viewer may do, because it is about themselves and not about the account.
THEIR_OWN = {"switch-account", "preferences", "password_change", "password_change_done"}
# Password pages are for whoever has no account yet, too.
WITHOUT_AN_ACCOUNT = {"password_change", "password_change_done"}

URLS = every_url()
OPERATIONS = every_operation()
MEMBERS_ONLY = [url for url in URLS if url.name not in FOR_STRANGERS]


def ids(url: Url | ApiOperation) -> str:
    return str(url)


@pytest.mark.parametrize("url", MEMBERS_ONLY, ids=ids)
def test_a_stranger_is_asked_to_sign_in(url, account, client):
    address = url.of(account)
    answers = [client.get(address), client.post(address, POSTED.get(url.name, {}))]
    sent_to_sign_in = [answer for answer in answers if answer.status_code == 302]
    assert sent_to_sign_in, f"A stranger got {answers} from {address}"
    assert all(answer.url.startswith(reverse("sign-in")) for answer in sent_to_sign_in)
    assert all(answer.status_code in (302, 405) for answer in answers)


@pytest.mark.parametrize("url", [url for url in MEMBERS_ONLY if url.arguments], ids=ids)
def test_another_accounts_ids_are_not_found(url, owner, signed_in):
    client = signed_in(owner)
    theirs, own = url.of(AccountFactory()), url.of(owner.account)
    before = contents()
    refused = [client.get(theirs), client.post(theirs, POSTED.get(url.name, {}))]
    assert contents() == before
    assert {answer.status_code for answer in refused} in ({404}, {404, 405}), f"{refused} from {theirs}"
    # The same about an object of one's own is found: it is the account that makes the difference.
    found = [client.get(own), client.post(own, POSTED.get(url.name, {}))]
    assert any(answer.status_code not in (404, 405) for answer in found), f"{found} from {own}"


@pytest.mark.parametrize("url", [url for url in MEMBERS_ONLY if url.name not in THEIR_OWN], ids=ids)
def test_a_viewer_changes_nothing(url, viewer, signed_in, monkeypatch):
    address = url.of(viewer.account)
    client = signed_in(viewer)
    before = contents()
    read = watch_what_is_posted(monkeypatch)
    answer = client.post(address, POSTED.get(url.name, {}))
    assert contents() == before
    # Whoever reads what was posted means to act on it. A page that does not may be shown in answer to a POST, too.
    assert answer.status_code in (403, 405) or not read, f"{address} acts on a viewer's POST: {answer}"
    if answer.status_code == 403:
        assert "You cannot do this" in answer.content.decode()


@pytest.mark.parametrize(
    "url", [url for url in MEMBERS_ONLY if not url.arguments and url.name not in WITHOUT_AN_ACCOUNT], ids=ids
)
def test_someone_without_an_account_sees_none(url, client):
    AccountFactory()
    client.force_login(UserFactory())
    answers = {answer.status_code for answer in (client.get(reverse(url.name)), client.post(reverse(url.name)))}
    assert 403 in answers
    assert answers <= {403, 405}


# The API


@pytest.mark.parametrize("operation", OPERATIONS, ids=ids)
def test_without_a_key_the_api_does_nothing(operation, account, owner, signed_in):
    address, client = operation.of(account), signed_in(owner)  # who is signed in has no key by that
    before = contents()
    answer = operation.send(client, address)
    assert (answer.status_code, answer.json()["code"]) == (401, "key_missing")
    assert contents() == before


@pytest.mark.parametrize("operation", OPERATIONS, ids=ids)
def test_a_key_without_the_scope_does_nothing(operation, account, with_key):
    others = [scope for scope in ("match", "read", "write") if scope != operation.scope]
    address, client = operation.of(account), with_key(account, *others)
    before = contents()
    answer = operation.send(client, address)
    assert (answer.status_code, answer.json()["code"]) == (403, "scope_missing")
    assert f'scope="{operation.scope}"' in answer.headers["WWW-Authenticate"]
    assert contents() == before


@pytest.mark.parametrize("operation", [one for one in OPERATIONS if one.arguments], ids=ids)
def test_the_api_does_not_find_another_accounts_ids(operation, account, with_key):
    client = with_key(account)
    theirs, own = operation.of(AccountFactory()), operation.of(account)
    operation.send(client, theirs)  # that a key was used is noted, and nothing else
    before = contents()
    answer = operation.send(client, theirs)
    assert (answer.status_code, answer.json()["code"]) == (404, "not_found")
    assert contents() == before
    # The same about an object of one's own is found: it is the account that makes the difference.
    found = operation.send(client, own)
    assert found.status_code in (200, 202, 204, 409), found.content


@pytest.mark.parametrize("operation", [one for one in OPERATIONS if one.scope == "read"], ids=ids)
def test_reading_changes_nothing(operation, account, with_key):
    address, client = operation.of(account), with_key(account, "read")
    operation.send(client, address)
    before = contents()
    assert operation.send(client, address).status_code == 200
    assert contents() == before


def test_what_only_reads_is_a_get_and_what_writes_is_not():
    found = {(one.scope, one.method == "GET") for one in OPERATIONS}
    assert found == {("read", True), ("write", False), ("match", False)}


# What people, scripts and broken links put into fields and addresses.
ODD = [
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
FIELDS = """
account action after agreed all answer automatic_matching back before call campaign capability change daily_limit
description digest email engine event_types except expected filter find kind label name new_password1 new_password2 next
number numbers old_password page password q role shown signed_by sort source state status step ticket_reference
time_zone url username who
""".split()  # noqa: SIM905


@pytest.mark.parametrize("url", [url for url in URLS if set(url.arguments) <= {"pk"}], ids=ids)
def test_odd_input_breaks_nothing(url, owner, signed_in):
    client = signed_in(owner)
    client.raise_request_exception = False
    for odd in ODD:
        address = url.of(owner.account)
        typed = dict.fromkeys(FIELDS, odd)
        shown_rows = odd if odd.isascii() and odd.isprintable() else "1"
        answers = [
            client.get(address, typed),
            client.get(address, typed, headers={"HX-Request": "true", "X-Shown-Rows": shown_rows}),
            client.post(address, typed | POSTED.get(url.name, {})),
        ]
        assert all(answer.status_code < 500 for answer in answers), f"{answers} from {address} for {odd[:20]!r}"


def test_names_are_unique():
    names = [url.name for url in URLS]
    assert len(set(names)) == len(names)


def contents() -> dict[str, list]:
    """Everything the database holds, except who is signed in and when, and how often a key asked."""
    left_out = {"sessions.session", "portal.apiuse"}
    return {
        model._meta.label: list(model._base_manager.order_by("pk").values().iterator())
        for model in apps.get_models()
        if model._meta.label_lower not in left_out
    }


def watch_what_is_posted(monkeypatch) -> list[str]:
    """Notes each time a view reads request.POST or request.FILES."""
    read: list[str] = []
    for name in ("POST", "FILES"):
        original = getattr(WSGIRequest, name)

        def noting(request, name=name, original=original):
            read.append(name)
            return original.__get__(request)

        monkeypatch.setattr(WSGIRequest, name, property(noting, original.fset))
    return read
