"""Every URL requires sign-in, finds only objects of the own account, and lets a viewer change nothing."""

import pytest
from django.apps import apps
from django.core.handlers.wsgi import WSGIRequest
from django.urls import reverse

from portal.accounts.roles import API_SCOPES
from tests.factories import AccountFactory, UserFactory
from tests.support.url_access import PERSON_URLS, POST_DATA, PUBLIC_URLS
from tests.support.urls import ApiOperation, Url, all_api_operations, all_page_urls

pytestmark = pytest.mark.django_db

# URLs by which a viewer changes only their own user.
PERSONAL_URLS = {"switch-account", "preferences", *PERSON_URLS}

URLS = all_page_urls()
OPERATIONS = all_api_operations()
MEMBERS_ONLY = [url for url in URLS if url.name not in PUBLIC_URLS]


def url_id(url: Url | ApiOperation) -> str:
    return str(url)


@pytest.mark.parametrize("url", MEMBERS_ONLY, ids=url_id)
def test_visitor_is_redirected_to_the_sign_in_page(url, account, client):
    address = url.of(account)
    answers = [client.get(address), client.post(address, POST_DATA.get(url.name, {}))]
    sent_to_sign_in = [answer for answer in answers if answer.status_code == 302]
    assert sent_to_sign_in, f"A stranger got {answers} from {address}"
    assert all(answer.url.startswith(reverse("account_login")) for answer in sent_to_sign_in)
    assert all(answer.status_code in (302, 405) for answer in answers)


@pytest.mark.parametrize("url", [url for url in MEMBERS_ONLY if url.arguments], ids=url_id)
def test_objects_of_other_accounts_are_not_found(url, owner, client_for):
    client = client_for(owner)
    theirs, own = url.of(AccountFactory()), url.of(owner.account)
    before = database_snapshot()
    refused = [client.get(theirs), client.post(theirs, POST_DATA.get(url.name, {}))]
    assert database_snapshot() == before
    assert {answer.status_code for answer in refused} in ({404}, {404, 405}), f"{refused} from {theirs}"
    # The same URL of an own object is found, so the account makes the difference.
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
    # A view that reads the posted data acts on it. A view that does not may respond to a POST with its page.
    assert answer.status_code in (403, 405) or not read, f"{address} acts on a viewer's POST: {answer}"
    if answer.status_code == 403:
        assert "You cannot do this" in answer.content.decode()


@pytest.mark.parametrize(
    "url", [url for url in MEMBERS_ONLY if not url.arguments and url.name not in PERSON_URLS], ids=url_id
)
def test_user_without_an_account_is_refused(url, client):
    AccountFactory()
    client.force_login(UserFactory())
    answers = {answer.status_code for answer in (client.get(reverse(url.name)), client.post(reverse(url.name)))}
    assert 403 in answers
    assert answers <= {403, 405}


# The API


@pytest.mark.parametrize("operation", OPERATIONS, ids=url_id)
def test_api_refuses_a_request_without_a_key(operation, account, owner, client_for):
    address, client = operation.of(account), client_for(owner)  # a session is no API key
    before = database_snapshot()
    answer = operation.send(client, address)
    assert (answer.status_code, answer.json()["code"]) == (401, "key_missing")
    assert database_snapshot() == before


@pytest.mark.parametrize("operation", OPERATIONS, ids=url_id)
def test_api_refuses_a_key_without_the_scope(operation, account, api_client_for):
    others = [scope for scope in API_SCOPES if scope != operation.scope]
    address, client = operation.of(account), api_client_for(account, *others)
    before = database_snapshot()
    answer = operation.send(client, address)
    assert (answer.status_code, answer.json()["code"]) == (403, "scope_missing")
    assert f'scope="{operation.scope}"' in answer.headers["WWW-Authenticate"]
    assert database_snapshot() == before


@pytest.mark.parametrize("operation", [one for one in OPERATIONS if one.arguments], ids=url_id)
def test_api_does_not_find_objects_of_other_accounts(operation, account, api_client_for):
    client = api_client_for(account)
    theirs, own = operation.of(AccountFactory()), operation.of(account)
    operation.send(client, theirs)  # stores that the key was used
    before = database_snapshot()
    answer = operation.send(client, theirs)
    assert (answer.status_code, answer.json()["code"]) == (404, "not_found")
    assert database_snapshot() == before
    # The same URL of an own object is found, so the account makes the difference.
    found = operation.send(client, own)
    assert found.status_code in (200, 202, 204, 409), found.content


@pytest.mark.parametrize("operation", [one for one in OPERATIONS if one.scope == "read"], ids=url_id)
def test_api_read_operations_change_nothing(operation, account, api_client_for):
    address, client = operation.of(account), api_client_for(account, "read")
    operation.send(client, address)
    before = database_snapshot()
    assert operation.send(client, address).status_code == 200
    assert database_snapshot() == before


def test_only_operations_of_the_read_scope_are_get_requests():
    found = {(one.scope, one.method == "GET") for one in OPERATIONS}
    assert found == {("read", True), *((scope, False) for scope in API_SCOPES if scope != "read")}


# Malformed values of fields and URL parameters.
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
account action after agreed all answer attested_by automatic_matching back before call called_number campaign capability
carrier change common_label confirmed count daily_limit declares description digest due_on email engine event_types
except expected file_content file_name filter find first group ids ios_screening kind label mailbox make minutes name
new_password1 new_password2 next not_before number numbers old_password page password photo plan purpose q received_at
reference refusal request result role seen_on shown signed_by sort source state status step stored_photo system
telephone telephones text ticket_reference time_zone token url username what_changed who
""".split()  # noqa: SIM905


@pytest.mark.parametrize("url", [url for url in URLS if set(url.arguments) <= {"pk"}], ids=url_id)
def test_malformed_input_causes_no_server_error(url, owner, client_for):
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
    """Return all rows of the database, except sessions and the usage of API keys."""
    left_out = {"sessions.session", "portal.apiusage"}
    return {
        model._meta.label: list(model._base_manager.order_by("pk").values().iterator())
        for model in apps.get_models()
        if model._meta.label_lower not in left_out
    }


def record_post_reads(monkeypatch) -> list[str]:
    """Return a list to which each read of request.POST or request.FILES is appended."""
    read: list[str] = []
    for name in ("POST", "FILES"):
        original = getattr(WSGIRequest, name)

        def noting(request, name=name, original=original):
            read.append(name)
            return original.__get__(request)

        monkeypatch.setattr(WSGIRequest, name, property(noting, original.fset))
    return read
