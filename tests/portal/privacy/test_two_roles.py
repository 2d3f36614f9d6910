"""On PostgreSQL with two roles, the erasing commands change the trail as the owner, and the portal still cannot."""

from __future__ import annotations

import psycopg
import pytest

from tests.portal.db.test_owner import DENIED, create_database, manage, pytestmark, server

__all__ = ["pytestmark", "server"]

FILL = """
from django.utils import timezone
from portal import audit
from portal.audit import Actor, Context, record
from portal.models import Account, Member, User
account = Account.objects.create(name="Vanishing Lake LLC")
owner = User.objects.create(email="owner@example.com")
pat = User.objects.create(email="pat@example.com", name="Pat Gone")
Member.objects.create(account=account, user=owner, role="owner")
Member.objects.create(account=account, user=pat, role="admin")
context = Context(Actor(pat, "web"), timezone.now())
audit.record_about_person(pat, context=context, code="sign_in.done", reason="From 203.0.113.99, Firefox")
record.get_personal_fields = lambda code, subject_type: ()
audit.record_about_person(pat, context=context, code="sign_in.done", reason="From 203.0.113.99, Firefox")
"""
TEXTS = "SELECT count(*) FROM portal_auditevent WHERE portal_auditevent::text ~ 'pat@example.com|Pat Gone|203.0.113.99'"


@pytest.fixture
def run(server, tmp_path):
    create_database(server, "erasing", owner="owner")

    def call(*arguments: str) -> str:
        done = manage(server, tmp_path, "erasing", *arguments)
        assert done.returncode == 0, done.stderr[-2_000:]
        return done.stdout

    call("migrate", "-v0")
    call("shell", "-c", FILL)
    return call


def test_a_person_and_an_account_are_erased_as_the_owner(server, run):
    with psycopg.connect(f"postgres://clerk@{server}/erasing", autocommit=True) as clerk:
        account_id = str(clerk.execute("SELECT id FROM portal_account").fetchone()[0])
        assert clerk.execute(TEXTS).fetchone() == (1,)
        assert "pat@example.com is erased" in run("erase_person", "pat@example.com", "--yes")
        assert clerk.execute(TEXTS).fetchone() == (0,)
        assert "1 batches have lost texts of an erased person" in run("verify_audit")
        assert "is erased" in run("erase_account", account_id, "--yes", "Vanishing Lake LLC")
        assert clerk.execute("SELECT code FROM portal_auditevent WHERE account_id IS NULL").fetchall() == [
            ("account.erased",)
        ]
        with pytest.raises(DENIED):
            clerk.execute("DELETE FROM portal_auditevent")
        assert "nothing was altered" in run("verify_audit")
