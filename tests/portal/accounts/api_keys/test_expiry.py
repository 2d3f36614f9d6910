"""Keys expire after a year by default, and their owners get mails before."""

from datetime import timedelta

import pytest
from django.core.management import call_command
from django.db import connection
from django.db.migrations.executor import MigrationExecutor
from django.utils import timezone

from portal.accounts.api_keys import LIFETIME, create_api_key, expiry, revoke_api_key
from portal.accounts.api_keys.tasks import warn_about_expiry
from portal.audit import Actor, Context
from portal.models import ApiKey, Member, OutgoingMail
from tests.factories import AccountFactory, MemberFactory
from tests.portal.api.helpers import NUMBERS, assert_problem
from tests.support import urls
from tests.support.mails import send_mails
from tests.support.migration_steps import migration_steps

pytestmark = pytest.mark.django_db

DAY = timedelta(days=1)


@pytest.fixture
def key(account, owner, now) -> ApiKey:
    """A key of the owner that works for another 40 days and was made long ago."""
    context = Context(Actor(user=owner.user, via="web"), now)
    key, _ = create_api_key(
        account=account, name="Dialer", scopes=["match"], expires_at=now + 40 * DAY, context=context
    )
    return key


def run(now) -> None:
    expiry.schedule_warnings(now)
    while expiry.enqueue_due(now):
        pass
    send_mails(now)


def test_a_key_works_for_a_year_unless_another_time_was_chosen(account, now):
    context = Context.system(now)
    key, _ = create_api_key(account=account, name="Dialer", scopes=["match"], context=context)
    assert key.expires_at == now + LIFETIME == now + timedelta(days=365)


def test_an_expired_key_gets_a_problem_that_says_so(client, account, now):
    _, token = urls.create_api_key(account, expires_at=now)
    answer = client.get(NUMBERS, headers={"Authorization": f"Bearer {token}"})
    assert answer.headers["Content-Type"] == "application/problem+json"
    assert_problem(answer, "key_expired")
    assert (answer.status_code, answer.json()["detail"]) == (401, "This API key has expired.")


def test_owners_get_a_mail_30_and_7_and_1_days_before_once_each(key, owner, admin, now, mailoutbox):
    MemberFactory(role=Member.Role.OWNER)  # of another account
    mailed_after = []
    for day in range(42):
        for hour in (0, 6):
            before = len(mailoutbox)
            run(now + day * DAY + timedelta(hours=hour))
            if len(mailoutbox) > before:
                mailed_after.append(40 - day)
    assert mailed_after == [30, 7, 1]
    assert {tuple(mail.to) for mail in mailoutbox} == {(owner.user.email,)}
    assert [mail.subject.rpartition("expires ")[2] for mail in mailoutbox] == ["in 30 days", "in 7 days", "in 1 day"]
    assert f"The API key Dialer (nrp_{key.prefix}) of Cascade Solar LLC expires in 30 days" in mailoutbox[0].body
    assert "/account/api-keys/make/" in mailoutbox[0].body


def test_a_portal_that_did_not_run_on_the_day_mails_later_and_once(key, now, mailoutbox):
    for day in (34, 35, 36):
        run(now + day * DAY)
    assert [mail.subject.rpartition("expires ")[2] for mail in mailoutbox] == ["in 6 days"]


def test_a_key_that_was_made_for_30_days_is_not_mailed_about_at_once(account, owner, now, mailoutbox):
    context = Context(Actor(user=owner.user, via="web"), now)
    expires_at = now + timedelta(days=30, hours=20)
    create_api_key(account=account, name="Dialer", scopes=["match"], expires_at=expires_at, context=context)
    for day in (0, 1, 2):
        run(now + day * DAY)
    assert not mailoutbox
    run(now + 24 * DAY)
    assert len(mailoutbox) == 1


def test_nobody_is_mailed_about_a_key_that_does_not_work(key, account, owner, now):
    soon = now + 20 * DAY
    other = MemberFactory(account=account, role=Member.Role.OWNER)
    owner.delete()
    run(soon)
    assert not OutgoingMail.objects.exists()
    ApiKey.objects.update(taken_over_by=other.user, warned_days=None)
    revoke_api_key(key, context=Context.system(now))
    run(soon)
    assert not OutgoingMail.objects.exists()


def test_warnings_take_the_same_queries_for_any_number_of_keys(account, owner, now, django_assert_num_queries):
    for _ in range(20):
        urls.create_api_key(account, expires_at=now + 40 * DAY)
    with django_assert_num_queries(3):
        assert expiry.schedule_warnings(now + 20 * DAY) == 20
    with django_assert_num_queries(1):
        expiry.limit_keys_without_end(now)


def test_the_task_mails_and_limits_keys_that_the_previous_release_made(key, now, mailoutbox):
    ApiKey.objects.update(expires_at=timezone.now() + 5 * DAY)
    endless, _ = urls.create_api_key(key.account)
    ApiKey.objects.filter(pk=endless.pk).update(expires_at=None)
    warn_about_expiry()
    send_mails()
    assert len(mailoutbox) == 1
    endless.refresh_from_db()
    assert timedelta(0) <= timezone.now() + LIFETIME - endless.expires_at < timedelta(minutes=5)


@pytest.mark.django_db(transaction=True)
def test_an_upgrade_gives_existing_keys_a_year(now):
    account = AccountFactory()
    with migration_steps():
        call_command("migrate", "portal", "0011", verbosity=0)
        old = MigrationExecutor(connection).loader.project_state([("portal", "0011_metric_totals")]).apps
        keys = old.get_model("portal", "ApiKey").objects
        for name, times in (
            ("endless", {}),
            ("limited", {"expires_at": now + 3 * DAY}),
            ("revoked", {"revoked_at": now}),
        ):
            keys.create(account_id=account.pk, name=name, prefix=name, secret_hash="0" * 64, scopes="match", **times)
        call_command("migrate", verbosity=0)
    expires = dict(ApiKey.objects.values_list("name", "expires_at"))
    assert timedelta(0) <= expires["endless"] - now - LIFETIME < timedelta(minutes=5)
    assert (expires["limited"], expires["revoked"]) == (now + 3 * DAY, None)
