"""`manage.py erase_account` leaves nothing of an account, whichever tables there are."""

from __future__ import annotations

from io import StringIO

import pytest
from django.contrib.admin.models import LogEntry
from django.contrib.contenttypes.models import ContentType
from django.core.files.storage import default_storage
from django.core.management import CommandError, call_command
from django.db import connection

from portal import audit
from portal.audit import Context
from portal.audit.chain import link_remaining
from portal.audit.verification import Verification
from portal.models import Account, AuditEvent, Member, OutgoingMail, User
from portal.privacy import accounts
from portal.privacy.tables import get_files
from reputation.models import LabelPhoto, NumberImport, PhoneNumber
from tests.factories import AccountFactory, MemberFactory, PhoneNumberFactory, UserFactory
from tests.portal.privacy.filler import ACCOUNT_NAME, EMAIL, NAME, count_rows, fill_all, find

pytestmark = pytest.mark.django_db


@pytest.fixture
def filled(tmp_path, settings) -> Account:
    """An account with a row in every table, and another one with some."""
    settings.MEDIA_ROOT = tmp_path
    account = AccountFactory(name=ACCOUNT_NAME)
    fill_all(account, UserFactory(email=EMAIL, name=NAME))
    other = PhoneNumberFactory().account
    for one in (account, other):
        audit.record_event(account=one, context=Context.system(one.created_at), code="account.name", subject=one)
    link_remaining()
    return account


def erase(account: Account) -> str:
    out = StringIO()
    call_command("erase_account", str(account.pk), yes=account.name, stdout=out)
    return out.getvalue()


def test_every_table_of_the_account_has_a_row(filled):
    assert [table for table, rows in count_rows(filled.pk).items() if not rows] == []


def test_no_row_and_no_text_of_the_account_is_left(filled):
    files = [getattr(row, field.name).name for row in _get_rows_with_files() for field in get_files(type(row))]
    assert len(files) == 3
    assert all(map(default_storage.exists, files))
    LogEntry.objects.update(content_type=ContentType.objects.get_for_model(PhoneNumber))
    OutgoingMail.objects.update(state="sent")
    erase(filled)
    assert {table: rows for table, rows in count_rows(filled.pk).items() if rows} == {}
    assert not Account.objects.filter(pk=filled.pk).exists()
    # What belongs to no account is left as it is: these rows were filled with texts that no release writes there.
    owned = {entry.partition(":")[0] for entry in find(ACCOUNT_NAME)}
    assert owned.isdisjoint({"portal_outgoingmail", "django_admin_log", *count_rows(filled.pk)})
    assert [name for name in files if default_storage.exists(name)] == []
    connection.check_constraints()


def test_other_accounts_and_people_stay(filled):
    before = PhoneNumber.objects.exclude(account=filled).count()
    erase(filled)
    assert PhoneNumber.objects.count() == before == 1
    assert User.objects.filter(email=EMAIL).exists()


def test_the_portals_own_trail_says_so_and_all_chains_hold(filled):
    erase(filled)
    event = AuditEvent.objects.get(code="account.erased")
    assert (event.account, event.subject_id, event.subject_label) == (None, filled.pk, f"Account {filled.pk}")
    assert "Its audit trail had " in event.reason
    assert [one for one in Verification().run() if one.account_id == filled.pk] == []


def test_a_killed_run_is_continued(filled, monkeypatch):
    def die(*_):
        raise KeyboardInterrupt

    monkeypatch.setattr(accounts, "_erase_own_row", die)
    with pytest.raises(KeyboardInterrupt):
        erase(filled)
    assert Account.objects.filter(pk=filled.pk).exists()
    monkeypatch.undo()
    erase(filled)
    assert not Account.objects.filter(pk=filled.pk).exists()


def test_rows_are_erased_in_chunks(filled, monkeypatch):
    monkeypatch.setattr(accounts, "CHUNK", 3)
    for _ in range(8):
        PhoneNumberFactory(account=filled)
    assert "reputation_phonenumber: 9 rows" in erase(filled)
    assert PhoneNumber.objects.filter(account=filled.pk).count() == 0


def test_a_wrong_name_or_id_changes_nothing(filled):
    with pytest.raises(CommandError, match="is called"):
        call_command("erase_account", str(filled.pk), yes="Cascade")
    with pytest.raises(CommandError, match="There is no account"):
        call_command("erase_account", "999999", yes="x")
    assert Account.objects.filter(pk=filled.pk).exists()


def test_members_of_the_account_keep_their_other_accounts(filled):
    user = MemberFactory(account=filled).user
    other = MemberFactory(user=user)
    erase(filled)
    assert list(Member.objects.filter(user=user)) == [other]


def test_waiting_mails_of_others_stay(filled):
    member = MemberFactory(account=filled).user
    subject = f"{ACCOUNT_NAME}: a label"
    theirs = OutgoingMail.objects.create(kind="x", recipient=member.email, subject=subject)
    others = OutgoingMail.objects.create(
        kind="x", recipient="other@example.com", subject=f"New {ACCOUNT_NAME}: a label"
    )
    erase(filled)
    assert not OutgoingMail.objects.filter(pk=theirs.pk).exists()
    assert OutgoingMail.objects.filter(pk=others.pk).exists()


def _get_rows_with_files():
    return [*NumberImport.objects.all(), *LabelPhoto.objects.all()]
