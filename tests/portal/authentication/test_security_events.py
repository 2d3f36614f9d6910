"""What people do with their sign-in, their password and their factors is in the audit trail of their accounts."""

from datetime import timedelta

import pytest
from django.core import mail
from django.test import Client
from django.urls import reverse
from django.utils import timezone

from portal.audit.labels import describe_event
from portal.models import AuditEvent, User
from tests.factories import MemberFactory, UserFactory
from tests.portal.admin.forms import send_password_form
from tests.support.mails import read_code, send_mails, set_password
from tests.support.second_factors import add_app, add_passkey, get_code, get_recovery_codes

pytestmark = pytest.mark.django_db

PASSWORD = "correct horse battery"
NEW = "a much better one"
FIREFOX = "Mozilla/5.0 (Windows NT 10.0; rv:140.0) Gecko/20100101 Firefox/140.0"
ORIGIN = "From 203.0.113.9, Firefox on Windows"


@pytest.fixture
def user(viewer) -> User:
    return viewer.user


def new_client() -> Client:
    return Client(REMOTE_ADDR="203.0.113.9", headers={"User-Agent": FIREFOX})


def sign_in(user: User, password: str = PASSWORD) -> Client:
    client = new_client()
    client.post(reverse("account_login"), {"username": user.email, "password": password})
    return client


def get_events(*codes: str) -> list[AuditEvent]:
    return list(AuditEvent.objects.filter(code__in=codes).order_by("pk"))


def get_event(code: str) -> AuditEvent:
    (event,) = get_events(code)
    return event


def get_sentences() -> list[str]:
    return [describe_event(event).sentence for event in AuditEvent.objects.with_actors().order_by("pk")]


# Sessions


def test_sign_in_is_an_event_of_each_account_of_the_person(user, account):
    other = MemberFactory(user=user).account
    sign_in(user)
    events = get_events("sign_in.done")
    assert {event.account for event in events} == {account, other}
    assert {(event.actor, event.texts.label, event.texts.reason) for event in events} == {(user, user.email, ORIGIN)}
    assert get_sentences() == ["Signed in: password"] * 2


def test_sign_in_of_a_person_without_an_account_is_an_event():
    staff = UserFactory()
    sign_in(staff)
    assert get_event("sign_in.done").account is None


def test_sign_in_with_a_second_factor_names_it(user):
    secret = add_app(user)
    client = sign_in(user)
    assert not get_events("sign_in.done")
    client.post(reverse("mfa_authenticate"), {"code": get_code(secret)})
    assert get_sentences() == ["Signed in: password, app for codes"]


def test_sign_out_is_an_event(user):
    client = sign_in(user)
    client.post(reverse("account_logout"))
    event = get_event("sign_in.ended")
    assert (event.actor, event.texts.reason, event.after) == (user, ORIGIN, "")


def test_end_of_an_idle_session_is_an_event(user, time_machine):
    client = sign_in(user)
    time_machine.move_to(timezone.now() + timedelta(minutes=241))
    client.get(reverse("members"))
    assert get_sentences()[-1] == "Signed out: nothing was done for a while"


def test_end_of_other_sessions_is_an_event(user):
    client = sign_in(user)
    sign_in(user)
    sign_in(user)
    sessions = client.get(reverse("mfa_index")).context["sessions"]
    other = next(session for session, _, is_own in sessions if not is_own)
    client.post(reverse("session-end", args=[other.pk]))
    client.post(reverse("sessions-end-others"))
    assert get_sentences()[-2:] == ["Signed out: Firefox on Windows", "Signed out: 1 other session"]
    client.post(reverse("sessions-end-others"))
    assert len(get_events("sign_in.ended")) == 2


# Passwords


def test_change_of_the_password_is_an_event(user):
    client = sign_in(user)
    data = {"old_password": PASSWORD, "new_password1": NEW, "new_password2": NEW}
    client.post(reverse("account_change_password"), data)
    assert (get_event("password.changed").actor, get_event("password.changed").texts.reason) == (user, ORIGIN)


def test_password_that_is_set_with_a_link_is_an_event(user):
    new_client().post(reverse("account_reset_password"), {"email": user.email})
    send_mails()
    set_password(new_client(), read_code(mail.outbox[0].body), NEW)
    assert get_event("password.set_by_link").texts.reason == ORIGIN


def test_password_that_a_superuser_sets_is_an_event_of_the_persons_account(as_superuser, user, account):
    send_password_form(as_superuser, user, "short")
    assert not get_events("password.set_by_staff")
    send_password_form(as_superuser, user, NEW)
    event = get_event("password.set_by_staff")
    assert (event.account, event.texts.label, event.via) == (account, user.email, "admin")
    assert event.actor != user


# Factors


def test_added_and_removed_factors_are_events(as_viewer, user, django_capture_on_commit_callbacks):
    add_passkey(user)
    passkey = add_passkey(user, "Key")
    page = as_viewer.get(reverse("mfa_activate_totp"))
    with django_capture_on_commit_callbacks(execute=True):
        as_viewer.post(reverse("mfa_activate_totp"), {"code": get_code(page.context["form"].secret)})
    as_viewer.post(reverse("mfa_deactivate_totp"))
    as_viewer.post(reverse("mfa_remove_webauthn", args=[passkey.pk]))
    assert get_sentences() == [
        "Second factor added: app for codes",
        "Second factor added: recovery codes",
        "Second factor removed: app for codes → none",
        "Second factor removed: passkey → none",
    ]
    assert {event.actor for event in AuditEvent.objects.all()} == {user}


def test_new_recovery_codes_are_an_event(as_viewer, user, django_capture_on_commit_callbacks):
    add_app(user)
    with django_capture_on_commit_callbacks(execute=True):
        as_viewer.post(reverse("mfa_generate_recovery_codes"))
    assert get_event("factor.codes_replaced").actor == user


def test_used_recovery_code_is_an_event_that_counts_the_rest(user):
    add_app(user)
    client = sign_in(user)
    client.post(reverse("mfa_authenticate"), {"code": get_recovery_codes(user)[0]})
    assert get_sentences() == ["Recovery code used: 9 codes left", "Signed in: password, recovery codes"]


# Failures of somebody who has the password, or the session


def test_wrong_code_at_sign_in_is_an_event_without_an_actor(user, account):
    add_app(user)
    sign_in(user).post(reverse("mfa_authenticate"), {"code": "000000"})
    event = get_event("sign_in.factor_failed")
    assert (event.account, event.actor, event.texts.label, event.texts.reason) == (account, None, user.email, ORIGIN)


def test_refused_confirmations_are_events(user):
    client = sign_in(user)
    client.post(reverse("account_reauthenticate"), {"password": "wrong"})
    add_app(user)
    client.post(reverse("mfa_reauthenticate"), {"code": "000000"})
    assert [event.actor for event in get_events("sign_in.confirmation_failed")] == [None, None]


def test_attempts_that_have_to_wait_add_nothing(user):
    add_app(user)
    client = sign_in(user)
    for _ in range(20):
        client.post(reverse("mfa_authenticate"), {"code": "000000"})
    assert len(get_events("sign_in.factor_failed")) == 5
