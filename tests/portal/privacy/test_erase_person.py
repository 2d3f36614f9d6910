"""`manage.py erase_person` leaves no name and no address of a person, whichever tables there are."""

from __future__ import annotations

from io import StringIO

import pytest
from django.core.management import CommandError, call_command
from django.db import connection
from django.test.utils import CaptureQueriesContext

from portal import audit
from portal.accounts import people
from portal.audit import Actor, Context, protection
from portal.audit.chain import link_remaining
from portal.audit.verification import Verification
from portal.models import AuditErasure, AuditEvent, Invitation, Member, User
from portal.privacy.tables import get_references_to_people
from tests.factories import MemberFactory, UserFactory
from tests.portal.privacy.filler import CLIENT, EMAIL, NAME, fill_all, find
from tests.upgrade.use_every_table import APPEND_ONLY

pytestmark = pytest.mark.django_db

FORMER = "pat.former@example.com"
ORIGIN = f"From {CLIENT}, Firefox on Linux"


@pytest.fixture
def pat(account, owner) -> User:
    user = UserFactory(email=FORMER, name=NAME)
    MemberFactory(account=account, user=user, role=Member.Role.ADMIN)
    return user


@pytest.fixture
def filled(account, pat, now, tmp_path, settings) -> User:
    """A person with rows in every table, who has had another address, and who signed in."""
    settings.MEDIA_ROOT = tmp_path
    context = Context(Actor(pat, "web"), now)
    audit.record_about_person(pat, context=context, code="sign_in.done", reason=ORIGIN)
    people.update_person(pat, context=context, email=EMAIL)
    pat.refresh_from_db()
    fill_all(account, pat, pat.memberships.get())
    audit.record_event(account=account, context=context, code="account.name", subject=account)
    link_remaining()
    return pat


def erase(email: str = EMAIL) -> str:
    out = StringIO()
    call_command("erase_person", email, yes=True, stdout=out)
    return out.getvalue()


def test_no_text_of_the_person_is_left(filled):
    assert {entry.partition(":")[0] for entry in find(EMAIL)} > {"portal_user", "portal_outgoingmail"}
    erase()
    assert sorted(find(EMAIL, FORMER, NAME, CLIENT)) == []


def test_the_row_of_the_person_stays_and_says_nothing(filled):
    erase()
    filled.refresh_from_db()
    assert (filled.email, filled.name) == (f"erased-{filled.pk}@erased.invalid", "Erased person")
    assert (filled.is_active, filled.staff_role, filled.has_usable_password()) == (False, "", False)


def test_what_is_the_persons_own_is_gone(filled):
    erase()
    left = {model._meta.db_table for model, field in get_references_to_people() if _count(model, field, filled)}
    own = {"portal_member", "mfa_authenticator", "usersessions_usersession", "socialaccount_socialaccount"}
    assert left.isdisjoint({*own, "account_emailaddress"})
    assert "portal_auditevent" in left


def test_the_trail_stays_and_is_verified(filled, account):
    count = AuditEvent.objects.count()
    known = {(one.account_id, one.text) for one in Verification().run()}
    erase()
    assert {(one.account_id, one.text) for one in Verification().run()} <= known
    assert AuditEvent.objects.count() > count
    events = AuditEvent.objects.filter(account=account, code="person.erased").with_actors()
    assert [event.texts.label for event in events] == ["Erased person"]


def test_the_only_owner_of_an_account_is_not_erased(owner):
    with pytest.raises(CommandError, match=r"only owner of .* Nothing was changed. Make somebody else an owner"):
        erase(owner.user.email)
    owner.user.refresh_from_db()
    assert owner.user.is_active
    MemberFactory(account=owner.account, role=Member.Role.OWNER)
    erase(owner.user.email)
    assert not Member.objects.filter(pk=owner.pk).exists()


def test_an_address_without_a_user_is_erased(account):
    Invitation.objects.create(account=account, email="guest@example.com", role="viewer")
    erase("Guest@example.com")
    assert list(find("guest@example.com")) == []
    with pytest.raises(CommandError, match="Nothing is stored"):
        erase("guest@example.com")


def test_others_whose_address_or_name_contains_it_stay(filled, account):
    other = MemberFactory(account=account, user=UserFactory(email=f"x{EMAIL}", name=NAME)).user
    erase()
    other.refresh_from_db()
    assert (other.email, other.name) == (f"x{EMAIL}", NAME)


@pytest.fixture
def old_trail(account, pat, now, monkeypatch) -> list[AuditEvent]:
    """Events that an earlier release wrote: with names and addresses in the events themselves."""
    monkeypatch.setattr("portal.audit.record.get_personal_fields", lambda code, subject_type: ())
    context = Context(Actor(pat, "web"), now)
    MemberFactory(user=pat)
    audit.record_about_person(pat, context=context, code="sign_in.done", reason=ORIGIN)
    people.update_person(pat, context=context, name="Pat Newman")
    people.update_person(pat, context=context, email=EMAIL)
    link_remaining()
    monkeypatch.undo()
    pat.refresh_from_db()
    return list(AuditEvent.objects.all())


def test_events_of_an_earlier_release_lose_the_texts_and_stay_verified(old_trail, capsys):
    assert len(old_trail) == 6
    assert list(find(CLIENT)) != []
    erase()
    assert sorted(find(EMAIL, FORMER, NAME, "Pat Newman", CLIENT)) == []
    call_command("verify_audit")
    out = capsys.readouterr().out
    assert "6 batches have lost texts of an erased person. The rest was verified." in out
    assert "nothing was altered" in out


def test_an_alteration_after_the_erasure_is_found(old_trail):
    erase()
    protection.remove_triggers()
    AuditEvent.objects.filter(pk=old_trail[0].pk).update(code="sign_in.failed")
    assert ["events altered" in one.text for one in Verification().run()] == [True]


def test_an_alteration_before_the_erasure_is_still_found(old_trail):
    protection.remove_triggers()
    AuditEvent.objects.filter(pk=old_trail[0].pk).update(code="sign_in.failed")
    erase()
    assert ["events altered" in one.text for one in Verification().run()] == [True]


def test_an_erasure_that_nobody_recorded_is_found(old_trail):
    erase()
    row = AuditErasure.objects.order_by("pk")[0]
    protection.remove_triggers()
    AuditEvent.objects.filter(pk=old_trail[0].pk).update(code="sign_in.failed")
    AuditErasure.objects.create(account=row.account, batch=row.batch, event=row.event, content_hash="0" * 64)
    assert any("is not the one that was recorded" in one.text for one in Verification().run())


def test_more_batches_of_an_earlier_release_take_no_more_queries(account, owner, now, monkeypatch):
    counts = []
    for name, sign_ins in (("few", 2), ("many", 12)):
        user = UserFactory(email=f"{name}@example.com", name=NAME)
        with monkeypatch.context() as earlier:
            earlier.setattr("portal.audit.record.get_personal_fields", lambda code, subject_type: ())
            for _ in range(sign_ins):
                origin = Context(Actor(user, "web"), now)
                audit.record_event(account=account, context=origin, code="sign_in.done", subject=user, reason=ORIGIN)
        link_remaining()
        with CaptureQueriesContext(connection) as erasing:
            erase(user.email)
        link_remaining()
        verification = Verification()
        with CaptureQueriesContext(connection) as verifying:
            assert list(verification.run()) == []
        counts.append((len(erasing), len(verifying)))
    assert verification.erased == 14
    assert counts[0] == counts[1]


def test_triggers_protect_the_trail_afterwards(old_trail):
    erase()
    for table in APPEND_ONLY:
        assert table in "".join(protection.TRIGGERS.values())


def _count(model, field, user: User) -> int:
    return model._base_manager.filter(**{field.name: user}).count()
