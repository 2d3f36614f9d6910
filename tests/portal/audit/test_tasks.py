"""What a task records: it looks its actor up once, and links the batches of all chunks at its end."""

from __future__ import annotations

import signal

import pytest
from django.db import connection, transaction
from django.test.utils import CaptureQueriesContext

from portal import audit
from portal.audit import Actor, Context
from portal.audit.verification import Verification
from portal.jobs.runner import task
from portal.jobs.task_run import task_run
from portal.models import AuditBatch, AuditEvent, AuditIdentity, TaskFailure, User
from tests.factories import UserFactory
from tests.support.processes import start_python

pytestmark = pytest.mark.django_db(transaction=True)

CHUNKS = 5


@pytest.fixture
def user() -> User:
    """A person who has never made a change."""
    return UserFactory()


@pytest.fixture
def record_chunk(account, user, now):
    def record() -> None:
        context = Context(Actor(user, "web"), now)
        with transaction.atomic():
            audit.record_event(account=account, context=context, code="account.name", subject=account, after="x")

    return record


def positions() -> list[int | None]:
    return list(AuditBatch.objects.order_by("pk").values_list("position", flat=True))


def test_the_batches_of_a_task_are_linked_at_its_end(record_chunk):
    @task
    def rename() -> None:
        for _ in range(CHUNKS):
            record_chunk()
        assert positions() == [None] * CHUNKS

    rename()
    assert positions() == [1, 2, 3, 4, 5]
    assert not TaskFailure.objects.exists()
    assert list(Verification().run()) == []


def test_a_task_that_fails_links_what_it_has_recorded(record_chunk):
    @task
    def rename() -> None:
        record_chunk()
        raise ValueError("wrong")

    rename()
    assert TaskFailure.objects.get().message == "wrong"
    assert positions() == [1]


KILLED_TASK = """
import os, signal, sys
import django
django.setup()
from django.utils import timezone
from portal import audit
from portal.audit import Context
from portal.jobs.task_run import task_run
from portal.models import Account
account = Account.objects.get(pk=sys.argv[1])
with task_run():
    audit.record_event(account=account, context=Context.system(timezone.now()), code="account.name", subject=account)
    os.kill(os.getpid(), signal.SIGKILL)
"""


def test_batches_of_a_killed_task_are_linked_with_the_next_ones(account, record_chunk):
    assert start_python(KILLED_TASK, account.pk).wait(60) == -signal.SIGKILL
    assert positions() == [None]
    with task_run():
        record_chunk()
    assert positions() == [1, 2]


def test_further_chunks_neither_look_the_actor_up_nor_link(record_chunk):
    with task_run():
        record_chunk()
        with CaptureQueriesContext(connection) as captured:
            record_chunk()
    tables = [
        table for table in ("portal_auditidentity", "portal_auditchain") if table in str(captured.captured_queries)
    ]
    assert tables == []


def test_an_identity_that_was_rolled_back_is_not_remembered(record_chunk, user):
    with task_run():
        with transaction.atomic():
            record_chunk()
            transaction.set_rollback(True)
        record_chunk()
    assert AuditEvent.objects.get().identity == AuditIdentity.objects.get(user=user)
