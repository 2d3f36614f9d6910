"""Which role may do what, at every URL: sent as requests, printed as a matrix, and compared with the role table.

`pytest -s tests/test_role_matrix.py` prints the matrices. A cell is `yes`, `no`, or `-` where the URL does not serve
the method.
"""

from __future__ import annotations

import logging
import sys
from collections.abc import Callable, Iterator

import pytest
from django.contrib import admin
from django.db.models import Model
from django.http import HttpResponse
from django.test import Client
from django.urls import resolve, reverse

from portal.accounts.roles import API_SCOPES, MEMBER_ROLES, STAFF_ROLES, Permission
from portal.models import Account, AuditEvent, Member, OutgoingMail, TaskFailure, User
from reputation.fcc.dataset import get_dataset
from reputation.models import CarrierEngine, CircuitBreaker, Connection, Desk, Engine, EngineRole
from tests.factories import (
    AccountFactory,
    ApplicationFactory,
    ComplaintFactory,
    LicenceFactory,
    MemberFactory,
    UserFactory,
)
from tests.support.url_access import PERSON_URLS, POST_DATA, POST_NEEDS, PUBLIC_URLS
from tests.support.urls import all_api_operations, all_page_urls

pytestmark = pytest.mark.django_db


@pytest.fixture(autouse=True)
def _quiet_refusals(caplog):
    caplog.set_level(logging.CRITICAL, "django.request")


Cells = dict[str, str]

METHODS = ("GET", "POST")
STAFF = [role for role in STAFF_ROLES if role]
ROLES = ("anonymous", "outsider", *MEMBER_ROLES, *STAFF)

NOBODY: frozenset[Permission] = frozenset()
ANY_STAFF = frozenset(Permission)


def need(*permissions: Permission) -> frozenset[Permission]:
    return frozenset(permissions)


P = Permission
# For each view of Django admin: what GET and POST need; one of the permissions is enough.
ADMIN_VIEWS: dict[str, tuple[frozenset[Permission], frozenset[Permission]]] = {
    "index": (ANY_STAFF, ANY_STAFF),
    "password_change": (ANY_STAFF, ANY_STAFF),
    "password_change_done": (ANY_STAFF, ANY_STAFF),
    "portal_account_changelist": (need(P.READ_ACCOUNTS), need(P.READ_ACCOUNTS)),
    "portal_account_add": (need(P.CHANGE_ACCOUNTS), need(P.CHANGE_ACCOUNTS)),
    "portal_account_change": (need(P.READ_ACCOUNTS), need(P.CHANGE_ACCOUNTS)),
    "portal_account_history": (need(P.READ_ACCOUNTS), need(P.READ_ACCOUNTS)),
    "portal_account_delete": (NOBODY, NOBODY),
    "portal_licence_changelist": (need(P.READ_ACCOUNTS), need(P.READ_ACCOUNTS)),
    "portal_licence_add": (need(P.CHANGE_ACCOUNTS), need(P.CHANGE_ACCOUNTS)),
    "portal_licence_change": (need(P.READ_ACCOUNTS), need(P.CHANGE_ACCOUNTS)),
    "portal_licence_history": (need(P.READ_ACCOUNTS), need(P.READ_ACCOUNTS)),
    "portal_licence_delete": (need(P.CHANGE_ACCOUNTS), need(P.CHANGE_ACCOUNTS)),
    "portal_taskfailure_changelist": (need(P.OPERATE), need(P.OPERATE)),
    "portal_taskfailure_add": (NOBODY, NOBODY),
    "portal_taskfailure_change": (need(P.OPERATE), NOBODY),
    "portal_taskfailure_history": (need(P.OPERATE), need(P.OPERATE)),
    "portal_taskfailure_delete": (NOBODY, NOBODY),
    "portal_user_changelist": (need(P.MANAGE_USERS), need(P.MANAGE_USERS)),
    "portal_user_add": (need(P.MANAGE_USERS), need(P.MANAGE_USERS)),
    "portal_user_change": (need(P.MANAGE_USERS), need(P.MANAGE_USERS)),
    "portal_user_history": (need(P.MANAGE_USERS), need(P.MANAGE_USERS)),
    "portal_user_delete": (NOBODY, NOBODY),
    "auth_user_password_change": (need(P.MANAGE_USERS), need(P.MANAGE_USERS)),
    "portal_auditevent_changelist": (need(P.READ_AUDIT_TRAIL), need(P.READ_AUDIT_TRAIL)),
    "portal_auditevent_add": (NOBODY, NOBODY),
    "portal_auditevent_change": (need(P.READ_AUDIT_TRAIL), NOBODY),
    "portal_auditevent_history": (need(P.READ_AUDIT_TRAIL), need(P.READ_AUDIT_TRAIL)),
    "portal_auditevent_delete": (NOBODY, NOBODY),
    "portal_outgoingmail_changelist": (need(P.READ_MAILS), need(P.READ_MAILS)),
    "portal_outgoingmail_add": (NOBODY, NOBODY),
    "portal_outgoingmail_change": (need(P.READ_MAILS), NOBODY),
    "portal_outgoingmail_history": (need(P.READ_MAILS), need(P.READ_MAILS)),
    "portal_outgoingmail_delete": (NOBODY, NOBODY),
    "reputation_fccdataset_changelist": (need(P.READ_ACCOUNTS), need(P.READ_ACCOUNTS)),
    "reputation_fccdataset_add": (NOBODY, NOBODY),
    "reputation_fccdataset_change": (need(P.READ_ACCOUNTS), need(P.CHANGE_ACCOUNTS)),
    "reputation_fccdataset_history": (need(P.READ_ACCOUNTS), need(P.READ_ACCOUNTS)),
    "reputation_fccdataset_delete": (NOBODY, NOBODY),
    "reputation_complaintfile_changelist": (need(P.READ_COMPLAINT_FILES), need(P.READ_COMPLAINT_FILES)),
    "reputation_complaintfile_add": (NOBODY, NOBODY),
    "reputation_complaintfile_change": (need(P.READ_COMPLAINT_FILES), NOBODY),
    "reputation_complaintfile_history": (need(P.READ_COMPLAINT_FILES), need(P.READ_COMPLAINT_FILES)),
    "reputation_complaintfile_delete": (NOBODY, NOBODY),
    "reputation_connection_changelist": (need(P.MANAGE_PROVIDERS), need(P.MANAGE_PROVIDERS)),
    "reputation_connection_add": (need(P.MANAGE_PROVIDERS), need(P.MANAGE_PROVIDERS)),
    "reputation_connection_change": (need(P.MANAGE_PROVIDERS), need(P.MANAGE_PROVIDERS)),
    "reputation_connection_history": (need(P.MANAGE_PROVIDERS), need(P.MANAGE_PROVIDERS)),
    "reputation_connection_delete": (need(P.MANAGE_PROVIDERS), need(P.MANAGE_PROVIDERS)),
    "reputation_enginerole_changelist": (need(P.MANAGE_PROVIDERS), need(P.MANAGE_PROVIDERS)),
    "reputation_enginerole_add": (NOBODY, NOBODY),
    "reputation_enginerole_change": (need(P.MANAGE_PROVIDERS), need(P.MANAGE_PROVIDERS)),
    "reputation_enginerole_history": (need(P.MANAGE_PROVIDERS), need(P.MANAGE_PROVIDERS)),
    "reputation_enginerole_delete": (NOBODY, NOBODY),
    "reputation_carrierengine_changelist": (need(P.MANAGE_PROVIDERS), need(P.MANAGE_PROVIDERS)),
    "reputation_carrierengine_add": (need(P.MANAGE_PROVIDERS), need(P.MANAGE_PROVIDERS)),
    "reputation_carrierengine_change": (need(P.MANAGE_PROVIDERS), need(P.MANAGE_PROVIDERS)),
    "reputation_carrierengine_history": (need(P.MANAGE_PROVIDERS), need(P.MANAGE_PROVIDERS)),
    "reputation_carrierengine_delete": (need(P.MANAGE_PROVIDERS), need(P.MANAGE_PROVIDERS)),
    "reputation_desk_changelist": (need(P.MANAGE_PROVIDERS), need(P.MANAGE_PROVIDERS)),
    "reputation_desk_add": (need(P.MANAGE_PROVIDERS), need(P.MANAGE_PROVIDERS)),
    "reputation_desk_change": (need(P.MANAGE_PROVIDERS), need(P.MANAGE_PROVIDERS)),
    "reputation_desk_history": (need(P.MANAGE_PROVIDERS), need(P.MANAGE_PROVIDERS)),
    "reputation_desk_delete": (need(P.MANAGE_PROVIDERS), need(P.MANAGE_PROVIDERS)),
    "reputation_circuitbreaker_changelist": (need(P.MANAGE_PROVIDERS), need(P.MANAGE_PROVIDERS)),
    "reputation_circuitbreaker_add": (NOBODY, NOBODY),
    "reputation_circuitbreaker_change": (need(P.MANAGE_PROVIDERS), NOBODY),
    "reputation_circuitbreaker_history": (need(P.MANAGE_PROVIDERS), need(P.MANAGE_PROVIDERS)),
    "reputation_circuitbreaker_delete": (NOBODY, NOBODY),
    "enrollment_application_changelist": (need(P.DECIDE_APPLICATIONS), need(P.DECIDE_APPLICATIONS)),
    "enrollment_application_add": (NOBODY, NOBODY),
    "enrollment_application_change": (need(P.DECIDE_APPLICATIONS), NOBODY),
    "enrollment_application_history": (need(P.DECIDE_APPLICATIONS), need(P.DECIDE_APPLICATIONS)),
    "enrollment_application_delete": (NOBODY, NOBODY),
    "enrollment_application_decide": (need(P.DECIDE_APPLICATIONS), need(P.DECIDE_APPLICATIONS)),
}
# These show only what the views above let the user see, or are open to everybody.
OTHER_ADMIN_VIEWS = {"login", "logout", "jsi18n", "autocomplete", "view_on_site", "app_list"}


def sign_in(role: str, account: Account) -> Client:
    """Return a client with this role: of the account for the role of a member, of no account otherwise."""
    client = Client()
    if role in MEMBER_ROLES:
        client.force_login(MemberFactory(account=account, role=role).user)
    elif role != "anonymous":
        client.force_login(UserFactory(staff_role=role if role in STAFF else User.StaffRole.NONE))
    return client


def read_cell(answer: HttpResponse) -> str:
    """Return whether the request was allowed, and neither refused nor redirected to a sign-in page."""
    sign_in_pages = (reverse("account_login"), reverse("admin:login"))
    if answer.status_code == 405:
        return "-"
    if answer.status_code in (401, 403) or answer.headers.get("Location", "").startswith(sign_in_pages):
        return "no"
    return "yes"


def print_matrix(columns: tuple[str, ...], rows: dict[str, Cells]) -> None:
    width = max(map(len, rows))
    lines = [" ".join((" " * width, *columns))]
    for name, cells in rows.items():
        lines.append(" ".join((name.ljust(width), *(cells[column].ljust(len(column)) for column in columns))))
    sys.stdout.write("\n".join(("", *lines, "")))


def assert_as_in_table(actual: dict[str, Cells], expected: dict[str, Cells]) -> None:
    """Compare cell by cell. Where a method is not served, the refusal of a role may come first."""
    differences = [
        f"{row}, {column}: {cell}, but {expected[row][column]} by the table"
        for row, cells in actual.items()
        for column, cell in cells.items()
        if cell not in ("-", expected[row][column])
    ]
    assert differences == []


def test_pages_allow_the_roles_of_the_table():
    actual: dict[str, Cells] = {}
    expected: dict[str, Cells] = {}
    for url in all_page_urls():
        if url.name in PUBLIC_URLS:
            continue
        for method in METHODS:
            row = f"{method:4} {url.name}"
            actual[row], expected[row] = {}, {}
            for role in ROLES:
                account = AccountFactory()
                address = url.of(account)
                data = POST_DATA.get(url.name, {}) if method == "POST" else {}
                actual[row][role] = read_cell(send(sign_in(role, account), method, address, data))
                needed = resolve(address).func.permission
                if method == "POST":
                    needed = POST_NEEDS.get(url.name, needed)
                is_for_all = url.name in PERSON_URLS and role != "anonymous"
                expected[row][role] = "yes" if is_for_all or needed in MEMBER_ROLES.get(role, NOBODY) else "no"
    print_matrix(ROLES, actual)
    assert_as_in_table(actual, expected)


def send(client: Client, method: str, address: str, data: dict[str, str]) -> HttpResponse:
    return client.post(address, data) if method == "POST" else client.get(address)


def test_django_admin_allows_the_roles_of_the_table():
    actual: dict[str, Cells] = {}
    expected: dict[str, Cells] = {}
    for name, permissions in ADMIN_VIEWS.items():
        for method, needed in zip(METHODS, permissions, strict=True):
            row = f"{method:4} {name}"
            actual[row], expected[row] = {}, {}
            for role in ROLES:
                account = AccountFactory()
                client = sign_in(role, account)
                actual[row][role] = read_cell(send(client, method, admin_address(name, account), {}))
                allowed = STAFF_ROLES.get(role, NOBODY)
                expected[row][role] = "yes" if needed & allowed else "no"
    print_matrix(ROLES, actual)
    assert_as_in_table(actual, expected)


def admin_address(name: str, account: Account) -> str:
    if name == "enrollment_application_decide":
        application = ApplicationFactory(account=account, state="submitted")
        return f"{reverse(f'admin:{name}', args=['approved'])}?shown={application.pk}:{application.revision}"
    if name.endswith(("_change", "_history", "_delete")) and name not in ("password_change",):
        return reverse(f"admin:{name}", args=[ADMIN_OBJECTS[name.split("_")[1]](account).pk])
    return reverse(f"admin:{name}")


ADMIN_OBJECTS: dict[str, Callable[[Account], Model]] = {
    "account": lambda account: account,
    "licence": lambda account: LicenceFactory(account=account),
    "user": lambda account: UserFactory(),
    "complaintfile": lambda account: ComplaintFactory().file,
    "auditevent": lambda account: AuditEvent.objects.create(
        account=account, at=account.created_at, via="task", code="account.added", subject_type="account", subject_id=1
    ),
    "outgoingmail": lambda account: OutgoingMail.objects.create(kind="digest", recipient="dana@example.com"),
    "application": lambda account: ApplicationFactory(account=account, state="submitted"),
    "taskfailure": lambda account: TaskFailure.objects.get_or_create(
        fingerprint="1", defaults={"task": "a.task", "first_at": account.created_at, "last_at": account.created_at}
    )[0],
    "fccdataset": lambda account: get_dataset(),
    "connection": lambda account: Connection.objects.create(provider="simulated", account=account),
    "enginerole": lambda account: EngineRole.objects.filter(role="register").earliest("pk"),
    "carrierengine": lambda account: CarrierEngine.objects.get_or_create(
        carrier="Example Mobile", defaults={"engine": Engine.objects.earliest("pk"), "read_on": account.created_at}
    )[0],
    "desk": lambda account: Desk.objects.create(
        slug=f"desk-{account.pk}", name="Desk", answer_days=5, read_on=account.created_at
    ),
    "circuitbreaker": lambda account: CircuitBreaker.objects.create(
        connection=Connection.objects.create(provider="simulated", account=account),
        operation="look_up",
        opened_at=account.created_at,
        retry_at=account.created_at,
    ),
}


def test_every_view_of_django_admin_is_in_the_matrix():
    assert set(admin_view_names()) - OTHER_ADMIN_VIEWS == set(ADMIN_VIEWS)


def admin_view_names() -> Iterator[str]:
    for pattern in admin.site.get_urls():
        if hasattr(pattern, "url_patterns"):
            yield from (view.name for view in pattern.url_patterns if view.name)
        elif pattern.name:
            yield pattern.name


def test_models_of_other_packages_are_not_in_django_admin():
    """Schedules and queued tasks would break if they were edited. Operations has the failed tasks."""
    assert [name for name in admin_view_names() if name.startswith(("django_q_", "auth_group_"))] == []


def test_api_allows_the_scopes_of_the_table(api_client_for):
    columns = ("no key", *API_SCOPES)
    actual: dict[str, Cells] = {}
    expected: dict[str, Cells] = {}
    for operation in all_api_operations():
        row = f"{operation.method:6} {operation.path}"
        actual[row], expected[row] = {}, {}
        for column in columns:
            account = AccountFactory()
            owner = sign_in(Member.Role.OWNER, account)
            client = api_client_for(account, column) if column in API_SCOPES else owner
            actual[row][column] = read_cell(operation.send(client, operation.of(account)))
            needed = API_SCOPES[operation.scope].permissions
            permissions = API_SCOPES[column].permissions if column in API_SCOPES else NOBODY
            expected[row][column] = "yes" if needed <= permissions else "no"
    print_matrix(columns, actual)
    assert_as_in_table(actual, expected)


def test_every_role_is_in_the_table():
    assert set(MEMBER_ROLES) == set(Member.Role)
    assert set(STAFF_ROLES) == set(User.StaffRole)


def test_each_role_includes_the_permissions_of_lower_roles():
    assert MEMBER_ROLES["viewer"] < MEMBER_ROLES["admin"] < MEMBER_ROLES["owner"]
    assert STAFF_ROLES["superuser"] > STAFF_ROLES["reviewer"] | STAFF_ROLES["operator"]
    assert P.DECIDE_APPLICATIONS not in STAFF_ROLES["operator"]
    assert STAFF_ROLES["reviewer"] == {P.DECIDE_APPLICATIONS, P.READ_ACCOUNTS}
