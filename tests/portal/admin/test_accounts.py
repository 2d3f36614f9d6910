"""Accounts and licences in Django admin: operators change them, reviewers read them."""

from datetime import timedelta

import pytest
from django.db import connection
from django.test.utils import CaptureQueriesContext
from django.urls import reverse
from django.utils import timezone

from portal.accounts import settings as account_settings
from portal.accounts.licensing import Product
from portal.audit import Context, record_event
from portal.models import Account, AuditEvent, Licence, Member, User
from tests.factories import LicenceFactory, MemberFactory, UserFactory
from tests.portal.admin.forms import account_form
from tests.support.mails import send_mails

pytestmark = pytest.mark.django_db


@pytest.fixture
def as_reviewer(as_staff):
    return as_staff(User.StaffRole.REVIEWER)


def change_url(account):
    return reverse("admin:portal_account_change", args=[account.pk])


def audit_events() -> list[tuple[str, str, str, str]]:
    changes = AuditEvent.objects.exclude(code="staff.opened").order_by("pk")
    return list(changes.values_list("code", "via", "before", "after"))


def test_licence_is_added_and_changed_with_audit_events(as_operator, account):
    data = {"account": account.pk, "product": Product.MONITORING_SKU, "seats": 10, "valid_from": "2026-01-01"}
    as_operator.post(reverse("admin:portal_licence_add"), data)
    licence = Licence.objects.get()
    data |= {"seats": 20, "valid_until": "2026-12-31"}
    as_operator.post(reverse("admin:portal_licence_change", args=[licence.pk]), data)
    licence.refresh_from_db()
    assert licence.seats == 20
    first = "Spam Monitoring and Remediation, 10 seats, from 2026-01-01, without end"
    second = "Spam Monitoring and Remediation, 20 seats, from 2026-01-01, until 2026-12-31"
    assert audit_events() == [("licence.added", "admin", "", first), ("licence.changed", "admin", first, second)]


def test_a_licence_cannot_end_before_it_begins(as_operator, account):
    data = {"account": account.pk, "product": Product.PHONE_PRO, "seats": 1}
    data |= {"valid_from": "2026-02-01", "valid_until": "2026-01-01"}
    answer = as_operator.post(reverse("admin:portal_licence_add"), data)
    assert "A licence cannot end before it begins." in answer.content.decode()
    assert not Licence.objects.exists()


def test_removing_licences_writes_an_event_for_each_and_one_mail_for_each_account(as_operator, owner, account):
    chosen = [LicenceFactory(account=account).pk for _ in range(2)]
    chosen.append(LicenceFactory(account=MemberFactory(role=Member.Role.OWNER).account).pk)
    data = {"action": "delete_selected", "_selected_action": chosen, "post": "yes"}
    as_operator.post(reverse("admin:portal_licence_changelist"), data)
    assert not Licence.objects.exists()
    assert [code for code, *_ in audit_events()] == ["licence.removed"] * 3
    assert sorted(mail.body.count("Licence removed") for mail in send_mails()) == [1, 2]


@pytest.mark.parametrize(
    ("chosen", "shown"), [("valid", "Phone Pro"), ("expired", "Auto Dialer"), ("to_come", "Elite")]
)
def test_licences_are_filtered_by_validity(as_reviewer, account, chosen, shown):
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


def test_an_account_is_set_up_with_licences_and_an_owner(as_operator):
    licence = {"product": Product.CONTACT_CENTER_ELITE, "seats": 5, "valid_from": "2026-01-01"}
    owner = {"email": "Owner@fresh.example", "role": Member.Role.OWNER}
    as_operator.post(reverse("admin:portal_account_add"), account_form(Account(name="Fresh LLC"), [licence], [owner]))
    account = Account.objects.get(name="Fresh LLC")
    assert account.members.get().user.email == "owner@fresh.example"
    assert [code for code, *_ in audit_events()] == ["account.added", "licence.added", "member.added"]


def test_changing_an_account_writes_an_audit_event_and_mails_its_owners(as_operator, account, owner):
    old, account.name = account.name, "Renamed LLC"
    row = {"id": owner.pk, "role": owner.role}
    as_operator.post(change_url(account), account_form(account, members=[row]))
    assert audit_events() == [("account.name", "admin", old, "Renamed LLC")]
    [mail] = send_mails()
    assert mail.to == [owner.user.email]
    assert f"Account renamed: {old} → Renamed LLC" in mail.body


def test_saving_without_a_change_mails_nobody(as_operator, account, owner):
    row = {"id": owner.pk, "role": owner.role}
    as_operator.post(change_url(account), account_form(account, members=[row]))
    assert audit_events() == []
    assert send_mails() == []


def test_account_cannot_be_deleted(as_superuser, account):
    assert as_superuser.post(reverse("admin:portal_account_delete", args=[account.pk])).status_code == 403


def test_reviewer_can_read_but_not_change_accounts_and_licences(as_reviewer, account, owner):
    licence = LicenceFactory(account=account)
    page = as_reviewer.get(change_url(account)).content.decode()
    assert licence.get_product_display() in page
    account.name = "Renamed"
    added = {"email": "riley@example.com", "role": Member.Role.OWNER}
    data = account_form(account, members=[{"id": owner.pk, "role": owner.role}, added])
    assert as_reviewer.post(change_url(account), data).status_code == 403
    assert (
        as_reviewer.post(reverse("admin:portal_licence_delete", args=[licence.pk]), {"post": "yes"}).status_code == 403
    )
    assert audit_events() == []
    assert account.members.count() == 1


def test_a_reviewer_sees_no_address_of_a_member(as_operator, as_reviewer, account, owner):
    added = {"email": "second@example.com", "role": Member.Role.VIEWER}
    data = account_form(account, members=[{"id": owner.pk, "role": owner.role}, added])
    as_operator.post(change_url(account), data)
    history = reverse("admin:portal_account_history", args=[account.pk])
    for url in (change_url(account), history, reverse("admin:portal_account_changelist")):
        page = as_reviewer.get(url).content.decode()
        assert account.name in page
        assert owner.user.email not in page
        assert "second@example.com" not in page
    assert as_reviewer.get(reverse("admin:portal_auditevent_changelist")).status_code == 403
    assert as_reviewer.get(reverse("admin:portal_user_changelist")).status_code == 403


def test_search_by_member_address_works_for_operators_but_not_for_reviewers(as_operator, as_reviewer, account, owner):
    def found(client):
        answer = client.get(reverse("admin:portal_account_changelist"), {"q": owner.user.email})
        return list(answer.context["cl"].result_list)

    assert found(as_operator) == [account]
    assert found(as_reviewer) == []
    probing = {"members__user__email__startswith": "a"}
    assert as_reviewer.get(reverse("admin:portal_account_changelist"), probing).status_code == 400


def test_audit_trail_is_read_only(as_superuser, account, owner, actor, now):
    account_settings.update_account(account, name="Renamed", context=Context(actor, now))
    event = AuditEvent.objects.get()
    page = as_superuser.get(reverse("admin:portal_auditevent_changelist")).content.decode()
    assert "Account renamed" in page
    assert as_superuser.get(reverse("admin:portal_auditevent_add")).status_code == 403
    assert as_superuser.post(reverse("admin:portal_auditevent_delete", args=[event.pk])).status_code == 403


def test_every_list_and_form_opens(as_superuser, account, owner):
    LicenceFactory(account=account)
    for model, objects in (("account", Account), ("licence", Licence), ("user", User)):
        assert as_superuser.get(reverse(f"admin:portal_{model}_changelist"), {"q": "a"}).status_code == 200
        assert as_superuser.get(reverse(f"admin:portal_{model}_add")).status_code == 200
        pk = objects.objects.first().pk
        assert as_superuser.get(reverse(f"admin:portal_{model}_change", args=[pk])).status_code == 200
        assert as_superuser.get(reverse(f"admin:portal_{model}_history", args=[pk])).status_code == 200


@pytest.mark.parametrize("model", ["account", "licence", "user", "auditevent"])
def test_query_count_of_a_list_is_the_same_for_5_and_50_rows(as_superuser, actor, now, model):
    def create(count: int) -> None:
        for _ in range(count):
            member = MemberFactory()
            licence = LicenceFactory(account=member.account)
            record_event(account=member.account, context=Context(actor, now), code="licence.added", subject=licence)

    def queries() -> int:
        with CaptureQueriesContext(connection) as captured:
            assert as_superuser.get(reverse(f"admin:portal_{model}_changelist")).status_code == 200
        return len(captured)

    create(5)
    queries()
    few = queries()
    create(45)
    assert queries() == few


def test_autocomplete_does_not_show_addresses_of_users(as_operator, as_reviewer):
    UserFactory(email="wanted@example.com")
    for model, field in (("member", "user"), ("licence", "account"), ("auditevent", "actor")):
        params = {"term": "wanted", "app_label": "portal", "model_name": model, "field_name": field}
        for client in (as_operator, as_reviewer):
            assert "wanted@example.com" not in client.get(reverse("admin:autocomplete"), params).content.decode()
