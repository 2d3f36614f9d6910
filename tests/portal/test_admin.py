"""The administration: accounts with licences and members, and the audit trail to read."""

from datetime import timedelta

import pytest
from django.db import connection
from django.test import Client
from django.test.utils import CaptureQueriesContext
from django.urls import reverse
from django.utils import timezone

from portal.accounts.licensing import Product
from portal.audit import Context, record_event
from portal.models import Account, AuditEvent, Licence, Member, User
from tests.factories import AccountFactory, LicenceFactory, MemberFactory, UserFactory

pytestmark = pytest.mark.django_db


@pytest.fixture
def reviewer() -> User:
    return UserFactory(is_staff=True)


@pytest.fixture
def as_reviewer(reviewer) -> Client:
    client = Client()
    client.force_login(reviewer)
    return client


@pytest.fixture
def as_superuser() -> Client:
    client = Client()
    client.force_login(UserFactory(is_staff=True, is_superuser=True))
    return client


def account_form(account, licences=(), members=()) -> dict[str, str]:
    """What the account's page in the administration sends."""
    data = {"name": account.name, "time_zone": account.time_zone}
    for prefix, rows in (("licences", licences), ("members", members)):
        initial = sum(1 for row in rows if row.get("id"))
        data |= {f"{prefix}-TOTAL_FORMS": len(rows), f"{prefix}-INITIAL_FORMS": initial}
        for place, row in enumerate(rows):
            data |= {f"{prefix}-{place}-{field}": value for field, value in {"account": account.pk, **row}.items()}
    return data


def audit_events() -> list[tuple[str, str, str, str]]:
    return list(AuditEvent.objects.order_by("pk").values_list("what", "via", "before", "after"))


def test_a_licence_is_added_and_changed_with_its_events(as_reviewer, account):
    data = {"account": account.pk, "product": Product.MONITORING_SKU, "seats": 10, "valid_from": "2026-01-01"}
    as_reviewer.post(reverse("admin:portal_licence_add"), data)
    licence = Licence.objects.get()
    data |= {"seats": 20, "valid_until": "2026-12-31"}
    as_reviewer.post(reverse("admin:portal_licence_change", args=[licence.pk]), data)
    licence.refresh_from_db()
    assert licence.seats == 20
    first = "Spam Monitoring and Remediation, 10 seats, from 2026-01-01, without end"
    second = "Spam Monitoring and Remediation, 20 seats, from 2026-01-01, until 2026-12-31"
    assert audit_events() == [("licence.added", "admin", "", first), ("licence.changed", "admin", first, second)]


def test_a_licence_cannot_end_before_it_begins(as_reviewer, account):
    data = {"account": account.pk, "product": Product.PHONE_PRO, "seats": 1}
    data |= {"valid_from": "2026-02-01", "valid_until": "2026-01-01"}
    answer = as_reviewer.post(reverse("admin:portal_licence_add"), data)
    assert "A licence cannot end before it begins." in answer.content.decode()
    assert not Licence.objects.exists()


def test_removing_licences_writes_an_event_for_each(as_reviewer, account):
    chosen = [LicenceFactory(account=account).pk for _ in range(2)]
    data = {"action": "delete_selected", "_selected_action": chosen, "post": "yes"}
    as_reviewer.post(reverse("admin:portal_licence_changelist"), data)
    assert not Licence.objects.exists()
    assert [what for what, *_ in audit_events()] == ["licence.removed", "licence.removed"]


@pytest.mark.parametrize(
    ("chosen", "shown"), [("valid", "Phone Pro"), ("expired", "Auto Dialer"), ("to_come", "Elite")]
)
def test_licences_are_filtered_by_whether_they_count_today(as_reviewer, account, chosen, shown):
    today = timezone.localdate()
    LicenceFactory(account=account, product=Product.PHONE_PRO, valid_from=today, valid_until=today)
    LicenceFactory(
        account=account,
        product=Product.AUTO_DIALER,
        valid_from=today - timedelta(days=9),
        valid_until=today - timedelta(days=1),
    )
    LicenceFactory(account=account, product=Product.CONTACT_CENTER_ELITE, valid_from=today + timedelta(days=1))
    answer = as_reviewer.get(reverse("admin:portal_licence_changelist"), {"validity": chosen})
    [licence] = answer.context["cl"].result_list
    assert shown in licence.get_product_display()


def test_an_account_is_set_up_with_licences_and_an_owner(as_reviewer):
    user = UserFactory()
    new = Account(name="Fresh LLC")
    licence = {"product": Product.CONTACT_CENTER_ELITE, "seats": 5, "valid_from": "2026-01-01"}
    data = account_form(new, [licence], [{"user": user.pk, "role": Member.Role.OWNER}])
    as_reviewer.post(reverse("admin:portal_account_add"), {k: v for k, v in data.items() if v is not None})
    account = Account.objects.get(name="Fresh LLC")
    assert account.members.get().user == user
    assert [what for what, *_ in audit_events()] == ["account.added", "licence.added", "member.added"]


def test_changing_an_account_writes_what_was_changed(as_reviewer, account):
    old = account.name
    account.name = "Renamed LLC"
    as_reviewer.post(reverse("admin:portal_account_change", args=[account.pk]), account_form(account))
    assert audit_events() == [("account.name", "admin", old, "Renamed LLC")]


def test_the_last_owner_is_not_removed_in_the_administration_either(as_reviewer, account, owner):
    row = {"id": owner.pk, "user": owner.user_id, "role": Member.Role.VIEWER}
    answer = as_reviewer.post(
        reverse("admin:portal_account_change", args=[account.pk]), account_form(account, members=[row])
    )
    assert "An account needs an owner" in answer.content.decode()
    row |= {"role": Member.Role.OWNER, "DELETE": "on"}
    answer = as_reviewer.post(
        reverse("admin:portal_account_change", args=[account.pk]), account_form(account, members=[row])
    )
    assert "An account needs an owner" in answer.content.decode()
    assert audit_events() == []
    owner.refresh_from_db()
    assert owner.role == Member.Role.OWNER


def test_giving_a_members_place_to_somebody_else_is_told_as_what_it_is(as_reviewer, account, owner):
    row = {"id": owner.pk, "user": UserFactory().pk, "role": Member.Role.OWNER}
    as_reviewer.post(reverse("admin:portal_account_change", args=[account.pk]), account_form(account, members=[row]))
    assert [what for what, *_ in audit_events()] == ["member.removed", "member.added"]


def test_an_account_is_never_deleted_since_its_audit_trail_would_go_with_it(as_superuser, account):
    assert as_superuser.post(reverse("admin:portal_account_delete", args=[account.pk])).status_code == 403


def test_the_audit_trail_can_only_be_read(as_superuser, account, owner, actor, now):
    from portal.accounts import settings as account_settings

    account_settings.update_account(account, name="Renamed", context=Context(actor, now))
    event = AuditEvent.objects.get()
    page = as_superuser.get(reverse("admin:portal_auditevent_changelist")).content.decode()
    assert "Account renamed" in page
    assert as_superuser.get(reverse("admin:portal_auditevent_add")).status_code == 403
    assert as_superuser.post(reverse("admin:portal_auditevent_delete", args=[event.pk])).status_code == 403


def test_a_reviewer_cannot_make_themselves_or_others_more_than_they_are(as_reviewer, reviewer):
    url = reverse("admin:portal_user_change", args=[reviewer.pk])
    assert as_reviewer.post(url, {"email": reviewer.email, "is_superuser": "on"}).status_code == 403
    assert as_reviewer.get(reverse("admin:portal_user_add")).status_code == 403
    reviewer.refresh_from_db()
    assert not reviewer.is_superuser


def test_a_superuser_adds_a_user_by_e_mail(as_superuser):
    password = "a long enough one"
    data = {"email": "New@Example.com", "name": "", "usable_password": "true"}
    as_superuser.post(reverse("admin:portal_user_add"), data | {"password1": password, "password2": password})
    assert Client().login(username="new@example.com", password=password)


def test_a_member_is_kept_out_of_the_administration(as_owner):
    assert as_owner.get(reverse("admin:index")).status_code == 302


def test_every_list_and_form_opens(as_superuser, account, owner):
    LicenceFactory(account=account)
    for model, objects in (("account", Account), ("licence", Licence), ("user", User)):
        assert as_superuser.get(reverse(f"admin:portal_{model}_changelist"), {"q": "a"}).status_code == 200
        assert as_superuser.get(reverse(f"admin:portal_{model}_add")).status_code == 200
        pk = objects.objects.first().pk
        assert as_superuser.get(reverse(f"admin:portal_{model}_change", args=[pk])).status_code == 200


@pytest.mark.parametrize("model", ["account", "licence", "user", "auditevent"])
def test_a_list_asks_as_much_for_5_rows_as_for_50(as_superuser, actor, now, model):
    def more(count: int) -> None:
        for _ in range(count):
            member = MemberFactory()
            licence = LicenceFactory(account=member.account)
            record_event(account=member.account, context=Context(actor, now), what="licence.added", subject=licence)

    def queries() -> int:
        with CaptureQueriesContext(connection) as captured:
            assert as_superuser.get(reverse(f"admin:portal_{model}_changelist")).status_code == 200
        return len(captured)

    more(5)
    queries()
    few = queries()
    more(45)
    assert queries() == few


def test_people_are_found_when_a_member_is_added(as_reviewer):
    MemberFactory(user__email="wanted@example.com", account=AccountFactory())
    params = {"term": "wanted", "app_label": "portal", "model_name": "member", "field_name": "user"}
    assert "wanted@example.com" in as_reviewer.get(reverse("admin:autocomplete"), params).content.decode()
