"""Events name their actors as they were called at that time, whatever they call themselves later."""

import importlib

import pytest
from django.apps import apps
from django.urls import reverse

from portal import audit
from portal.accounts import people
from portal.audit import Actor, Context, protection
from portal.audit.feed import MAX_TRANSACTION_AGE
from portal.audit.identities import compute_digest, get_identity
from portal.models import AuditEvent, AuditIdentity, Member, User
from tests.factories import MemberFactory, PhoneNumberFactory, UserFactory
from tests.support.pages import get_html
from tests.support.urls import create_api_key

pytestmark = pytest.mark.django_db

fill = importlib.import_module("portal.migrations.0014_fill_audit_identities")


@pytest.fixture
def mallory(account) -> User:
    user = UserFactory(name="Mallory Admin", email="mallory@example.com")
    MemberFactory(account=account, user=user, role=Member.Role.ADMIN)
    return user


@pytest.fixture
def renamed_to_owner(account, mallory, owner, client, now):
    """A number that Mallory added and changed before taking the owner's name on the page *Your settings*."""
    number = PhoneNumberFactory(account=account, e164="+12065550143")
    # Old enough for the feed, which holds back new events while a transaction is open, such as that of the test.
    context = Context(Actor(mallory, "web"), now - 2 * MAX_TRANSACTION_AGE)
    audit.record_event(account=account, context=context, code="number.added", subject=number)
    User.objects.filter(pk=owner.user_id).update(name="Olivia Owner")
    client.force_login(mallory)
    client.post(reverse("preferences"), {"name": "Olivia Owner", f"digest_{mallory.memberships.get().pk}": "daily"})
    return number


def test_an_admin_who_takes_the_owners_name_changes_no_past_event_on_the_pages(renamed_to_owner, as_viewer):
    for url in (reverse("audit-trail"), reverse("number", args=[renamed_to_owner.pk])):
        page = get_html(as_viewer.get(url))
        assert "Mallory Admin" in page
        assert "mallory@example.com" in page


def test_an_admin_who_takes_the_owners_name_changes_no_past_event_in_the_api(renamed_to_owner, account, client):
    _, token = create_api_key(account, "read")
    events = client.get("/api/v1/events", HTTP_AUTHORIZATION=f"Bearer {token}").json()["items"]
    added = next(event for event in events if event["what"] == "number.added")
    assert (added["by"]["name"], added["by"]["email"]) == ("Mallory Admin", "mallory@example.com")


def test_the_address_tells_later_events_of_the_renamed_admin_from_those_of_the_owner(
    renamed_to_owner, account, mallory, as_viewer, now
):
    context = Context(Actor(mallory, "web"), now)
    audit.record_event(account=account, context=context, code="number.changed", subject=renamed_to_owner)
    page = get_html(as_viewer.get(reverse("audit-trail"), {"kind": "numbers"}))
    assert "Olivia Owner" in page
    assert page.count("mallory@example.com") == 2


def test_a_rename_is_an_event_in_each_account_of_the_person(account, mallory, now):
    other = MemberFactory(user=mallory).account
    people.update_person(mallory, name="Olivia Owner", context=Context(Actor(mallory, "web"), now))
    events = AuditEvent.objects.filter(code="person.name").with_actors()
    assert {event.account_id for event in events} == {account.pk, other.pk}
    assert {(event.texts.before, event.texts.after, event.actor_name) for event in events} == {
        ("Mallory Admin", "Olivia Owner", "Mallory Admin")
    }


def test_saving_the_same_name_is_no_event(mallory, now):
    assert people.update_person(mallory, name=mallory.name, context=Context(Actor(mallory, "web"), now)) == []
    assert not AuditEvent.objects.exists()


def test_what_a_superuser_changes_of_a_person_without_an_account_is_an_event(as_superuser):
    user = UserFactory(name="Riley", email="riley@example.com")
    url = reverse("admin:portal_user_change", args=[user.pk])
    data = {"email": "ray@example.com", "name": "Ray", "is_active": "on", "staff_role": "reviewer"}
    assert as_superuser.post(url, data).status_code == 302
    events = AuditEvent.objects.filter(account=None, subject_type="user", subject_id=user.pk, via="admin")
    assert {(event.code, event.texts.before, event.texts.after) for event in events.with_actors()} == {
        ("person.name", "Riley", "Ray"),
        ("person.email", "riley@example.com", "ray@example.com"),
        ("person.staff_role", "", "reviewer"),
    }


def test_an_address_without_a_user_can_have_an_event(now):
    audit.record_about_address("nobody@example.com", context=Context(Actor(None, "web"), now), code="person.email")
    event = AuditEvent.objects.get()
    assert (event.account, event.subject_type, event.texts.label) == (None, "user", "nobody@example.com")


def test_the_identity_is_what_the_database_has_and_not_what_a_form_has_set(mallory, now):
    mallory.name = "Olivia Owner"
    assert AuditIdentity.objects.get(pk=get_identity(mallory, now=now).pk).name == "Mallory Admin"


def test_a_name_and_address_have_one_identity_also_when_they_come_back(mallory, now):
    context = Context(Actor(mallory, "web"), now)
    first = get_identity(mallory, now=now)
    people.update_person(mallory, name="Olivia Owner", context=context)
    second = get_identity(mallory, now=now)
    people.update_person(mallory, name="Mallory Admin", context=context)
    assert get_identity(mallory, now=now) == first != second
    identity = AuditIdentity.objects.get(pk=first.pk)
    assert identity.digest == first.digest == compute_digest(identity.salt, identity.name, identity.email)


def test_erasing_an_identity_hides_the_person_and_touches_no_event(renamed_to_owner, mallory, as_viewer, now):
    before = list(AuditEvent.objects.values())
    AuditIdentity.objects.filter(user=mallory).update(name="", email="", salt="", erased_at=now)
    page = get_html(as_viewer.get(reverse("audit-trail"), {"kind": "numbers"}))
    assert "Erased person" in page
    assert "Mallory" not in page.split('id="events"')[1]
    assert list(AuditEvent.objects.values()) == before
    assert get_identity(mallory, now=now).pk not in {event["identity_id"] for event in before}


def test_the_upgrade_gives_events_their_identities_in_bounded_steps(
    account, mallory, owner, now, monkeypatch, django_assert_max_num_queries
):
    values = {"account": account, "at": now, "via": "web", "code": "number.added", "subject_type": "phonenumber"}
    users = [mallory, owner.user, None]
    AuditEvent.objects.bulk_create(
        AuditEvent(**values, subject_id=number, actor=users[number % 3]) for number in range(30)
    )
    monkeypatch.setattr(fill, "CHUNK", 10)
    steps = 1 + AuditEvent.objects.latest("pk").pk // 10
    protection.remove_triggers()  # as before every migration
    with django_assert_max_num_queries(steps + 3):
        fill.add_identities(apps, None)
        fill.fill_events(apps, None)
    names = [event.actor_name for event in AuditEvent.objects.select_related("identity").order_by("pk")]
    assert names == [mallory.name, owner.user.get_full_name(), None] * 10
    assert AuditIdentity.objects.count() == 2
    fill.add_identities(apps, None)
    assert AuditIdentity.objects.count() == 2
