"""The queue is a hint: one in Redis may be lost or cut off at any moment, and all work is done in the end."""

import signal
import subprocess
import time
from contextlib import ExitStack, contextmanager

import pytest
from django.utils import timezone
from django_q.models import OrmQ, Schedule

from portal.audit import Actor
from portal.models import Heartbeat
from reputation.bulk_actions import actions
from reputation.models import Confirmation, PhoneNumber
from reputation.schedules import make_schedules
from tests import throwaway
from tests.factories import CampaignFactory, PhoneNumberFactory
from tests.other_process import start as process

pytestmark = pytest.mark.django_db(transaction=True)

NOWHERE = "redis://127.0.0.1:1/0"

CHANGE_AND_HINT = """
import django; django.setup()
from django.db import transaction
from django.utils import timezone
from portal.models import Heartbeat
from portal.jobs.runner import hint
with transaction.atomic():
    Heartbeat.objects.create(name="changed", at=timezone.now())
    hint("reputation.tasks.upkeep.canary")
"""


def test_a_redis_that_is_not_there_refuses_no_change():
    begun = time.monotonic()
    assert process(CHANGE_AND_HINT, Q_BROKER_URL=NOWHERE).wait(60) == 0
    assert Heartbeat.objects.filter(name="changed").exists()
    assert time.monotonic() - begun < 30


@contextmanager
def a_redis(port: int):
    """On this port, with nothing in it."""
    try:
        program = throwaway.program_at("redis-server")
    except throwaway.Missing as missing:
        pytest.skip(str(missing))
    server = subprocess.Popen([program, "--port", str(port), "--save", ""], stdout=subprocess.DEVNULL)
    try:
        throwaway.wait_for(port, "Redis")
        yield
    finally:
        server.send_signal(signal.SIGKILL)
        server.wait()


CLUSTER = "from django.core.management import execute_from_command_line as run; run(['manage.py', 'qcluster'])"


@contextmanager
def a_cluster(**environment: str):
    cluster = process(CLUSTER, WORKERS="1", **environment)
    try:
        yield
    finally:
        cluster.terminate()  # killed, it would leave its workers behind
        cluster.wait(60)


CONFIRM = """
import sys
import django; django.setup()
from django.utils import timezone
from reputation.bulk_actions import actions
from reputation.models import Confirmation
actions.AT_ONCE = 0
confirmation = Confirmation.objects.get(pk=sys.argv[1])
assert actions.confirm(confirmation, actor=confirmation.confirmed_by, now=timezone.now())
"""

FLUSH = "import redis, sys; redis.from_url(sys.argv[1]).flushall()"


def a_window(account, member, count: int) -> Confirmation:
    """That enables so many numbers."""
    campaign = CampaignFactory(account=account)
    numbers = [PhoneNumberFactory(account=account, campaign=campaign).pk for _ in range(count)]
    return actions.open_window(
        account=account,
        actor=Actor(user=member.user, via="web"),
        action=Confirmation.Action.ENABLE,
        numbers=PhoneNumber.objects.filter(pk__in=numbers),
        now=timezone.now(),
    )


def is_done(confirmation: Confirmation, *, seconds: float) -> bool:
    """Within this time; the schedules are made due at once, rather than within their minute."""
    until = time.monotonic() + seconds
    while time.monotonic() < until:
        confirmation.refresh_from_db()
        if confirmation.state == Confirmation.State.DONE:
            return True
        time.sleep(0.2)
    return False


def test_a_redis_that_is_flushed_and_stopped_in_the_middle_loses_no_work(enrolled, admin, tmp_path):
    make_schedules()
    port = throwaway.free_port()
    queue = {"Q_BROKER_URL": f"redis://127.0.0.1:{port}/0", "DATA_DIR": str(tmp_path), "TMPDIR": str(tmp_path)}
    flushed, untold = a_window(enrolled, admin, 3), a_window(enrolled, admin, 3)
    with ExitStack() as stack:
        with a_redis(port):
            assert process(CONFIRM, flushed.pk, **queue).wait(60) == 0
            assert process(FLUSH, queue["Q_BROKER_URL"]).wait(60) == 0
            stack.enter_context(a_cluster(**queue))
            assert is_done(flushed, seconds=90), "the hint was flushed, and the schedule found the work"
        assert process(CONFIRM, untold.pk, **queue).wait(60) == 0, "with no Redis to tell, it is confirmed all the same"
        untold.refresh_from_db()
        assert untold.state == Confirmation.State.APPLYING
        stack.enter_context(a_redis(port))
        Schedule.objects.update(next_run=timezone.now())
        assert is_done(untold, seconds=120), "the same cluster goes on when Redis is back"
    assert set(PhoneNumber.objects.values_list("capability", flat=True)) <= {"verifying", "on"}


SCHEDULE = """
import sys, time
import django; django.setup()
from django_q.brokers import get_broker
from django_q.scheduler import scheduler
time.sleep(max(0, float(sys.argv[1]) - time.time()))
scheduler(broker=get_broker())
"""


def test_four_clusters_that_look_at_the_same_moment_fire_each_schedule_once():
    make_schedules()
    Schedule.objects.update(next_run=timezone.now())
    clusters = [process(SCHEDULE, time.time() + 5) for _ in range(4)]
    assert [cluster.wait(60) for cluster in clusters] == [0] * 4
    fired = sorted(OrmQ.objects.get(pk=pk).func() for pk in OrmQ.objects.values_list("pk", flat=True))
    assert fired == sorted(Schedule.objects.values_list("func", flat=True))
