"""What events say about people is kept apart from the events, and erased without a trace in them."""

from __future__ import annotations

import pytest
from django.apps import apps
from django.db.models import Q
from django.urls import reverse

from portal import audit
from portal.accounts import people
from portal.accounts.members import remove_member
from portal.audit import Actor, Context, protection
from portal.audit.chain import link_remaining
from portal.audit.feed import MAX_TRANSACTION_AGE
from portal.audit.verification import Verification
from portal.models import AuditEvent, AuditPersonalText, Invitation, Member, User
from tests.factories import MemberFactory, PhoneNumberFactory, UserFactory
from tests.support.pages import get_html
from tests.support.urls import create_api_key

pytestmark = pytest.mark.django_db

ADDRESS = "203.0.113.9"
PERSONAL = ("pat.gone@example.com", "pat.new@example.com", "Pat Gone", ADDRESS)


@pytest.fixture
def pat(account) -> User:
    user = UserFactory(name="Pat Gone", email="pat.gone@example.com")
    MemberFactory(account=account, user=user, role=Member.Role.ADMIN)
    return user


@pytest.fixture
def trail(account, owner, pat, now) -> None:
    """One event of each kind about Pat, as old as the feed needs it."""
    context = Context(Actor(owner.user, "web"), now - 2 * MAX_TRANSACTION_AGE)
    invitation = Invitation.objects.create(account=account, email=pat.email, role="admin")
    audit.record_event(account=account, context=context, code="invitation.sent", subject=invitation, after="admin")
    origin = f"From {ADDRESS}, Firefox on Linux"
    audit.record_about_person(pat, context=context, code="sign_in.done", after="password", reason=origin)
    people.update_person(pat, context=context, name="Pat Newman", email="pat.new@example.com")
    pat.refresh_from_db()
    remove_member(pat.memberships.get(), context=context)
    link_remaining()


def erase_texts(now) -> None:
    AuditPersonalText.objects.update(label="", before="", after="", reason="", salt="", erased_at=now)


def find_texts_in_events() -> list[str]:
    """The names of the personal texts that are in a column of an event."""
    columns = [field.attname for field in AuditEvent._meta.concrete_fields if field.get_internal_type() == "CharField"]
    return [
        text
        for text in PERSONAL
        if AuditEvent.objects.filter(Q(*((f"{column}__icontains", text) for column in columns), _connector="OR"))
    ]


def test_events_about_people_name_nobody_themselves(trail):
    assert AuditEvent.objects.count() == 5
    assert find_texts_in_events() == []
    shown = [event.texts for event in AuditEvent.objects.with_actors().order_by("pk")]
    assert [texts.label.split(" in ")[0] for texts in shown] == [*["pat.gone@example.com"] * 4, "pat.new@example.com"]
    assert ("Pat Gone", "Pat Newman") in {(texts.before, texts.after) for texts in shown}
    assert shown[1].reason == f"From {ADDRESS}, Firefox on Linux"


def test_the_trail_says_who_it_was_until_the_texts_are_erased(trail, as_owner, account, now, client):
    _, token = create_api_key(account, "read")

    def read() -> list[str]:
        feed = client.get("/api/v1/events", HTTP_AUTHORIZATION=f"Bearer {token}").content.decode()
        export = b"".join(as_owner.get(reverse("audit-trail-json-lines")).streaming_content).decode()
        return [get_html(as_owner.get(reverse("audit-trail"))), feed, export]

    for text in read():
        assert [one for one in PERSONAL if one not in text] == []
    erase_texts(now)
    for text in read():
        assert [one for one in PERSONAL if one in text] == []
        assert "Erased person" in text


def test_the_search_finds_people(trail, as_owner, now):
    assert "Person renamed" in get_html(as_owner.get(reverse("audit-trail"), {"q": "PAT.GONE"}))
    erase_texts(now)
    assert "Person renamed" not in get_html(as_owner.get(reverse("audit-trail"), {"q": "pat.gone"})).split("events")[-1]


def test_erased_texts_leave_the_trail_verified_and_events_as_they_were(trail, now):
    before = list(AuditEvent.objects.values())
    assert list(Verification().run()) == []
    erase_texts(now)
    assert list(Verification().run()) == []
    assert list(AuditEvent.objects.values()) == before


@pytest.mark.parametrize("values", [{"label": "owner@example.com"}, {"reason": "x"}, {"salt": "x"}])
def test_an_altered_text_is_found(trail, values):
    row = AuditPersonalText.objects.order_by("pk")[1]
    AuditPersonalText.objects.filter(pk=row.pk).update(**values)
    assert [one.text for one in Verification().run()] == [f"personal text {row.pk} of an event was altered"]


def test_an_event_with_another_text_is_found(trail):
    protection.remove_triggers()
    first, second = AuditEvent.objects.order_by("pk")[:2]
    AuditEvent.objects.filter(pk=first.pk).update(personal_text=second.personal_text_id)
    assert ["events altered" in one.text for one in Verification().run()] == [True]


def test_what_an_event_says_about_a_number_stays_in_the_event(account, owner, now):
    number = PhoneNumberFactory(account=account)
    audit.record_event(
        account=account, context=Context(Actor(owner.user, "web"), now), code="number.changed", subject=number
    )
    assert AuditEvent.objects.get().subject_label == number.e164
    assert not AuditPersonalText.objects.exists()


def test_events_of_the_previous_release_are_shown_as_they_are(account, now, as_owner):
    values = {"at": now, "via": "web", "code": "member.added", "subject_type": "member", "subject_id": 7}
    AuditEvent.objects.create(account=account, subject_label="pat.gone@example.com", after="admin", **values)
    assert "pat.gone@example.com" in get_html(as_owner.get(reverse("audit-trail")))


def test_recording_takes_the_same_number_of_queries_for_any_number_of_accounts(
    pat, owner, now, django_assert_num_queries
):
    def record() -> None:
        audit.record_about_person(pat, context=Context(Actor(owner.user, "web"), now), code="password.changed")

    record()
    for accounts in (1, 5):
        while pat.memberships.count() < accounts:
            MemberFactory(user=pat)
        # The actor's identity, the people, their texts, the events, the batches' events, and the batches.
        with django_assert_num_queries(6):
            record()


def test_the_table_is_known_to_be_personal():
    """A text column that is added to events is judged here: kept apart, or known to hold nothing about a person."""
    texts = {field.name for field in apps.get_model("portal.AuditEvent")._meta.fields if field.max_length}
    assert texts == {"via", "code", "subject_type", "subject_label", "before", "after", "reason"}
