"""The queue is only a hint. All work is done even if a queue in Redis is lost or unreachable."""

import signal
import subprocess
import time
from contextlib import ExitStack, contextmanager

import pytest
from django.utils import timezone
from django_q.models import OrmQ, Schedule

from portal.audit import Actor, Context
from portal.models import Heartbeat
from reputation.bulk_actions import actions
from reputation.models import BulkAction, PhoneNumber
from reputation.schedules import sync_schedules
from tests.factories import CampaignFactory, PhoneNumberFactory
from tests.support import servers
from tests.support.processes import start_python as process

pytestmark = pytest.mark.django_db(transaction=True)

UNREACHABLE_REDIS = "redis://127.0.0.1:1/0"

CHANGE_AND_ENQUEUE_SCRIPT = """
import django; django.setup()
from django.db import transaction
from django.utils import timezone
from portal.models import Heartbeat
from portal.jobs.runner import enqueue
with transaction.atomic():
    Heartbeat.objects.create(name="changed", at=timezone.now())
    enqueue("reputation.tasks.maintenance.record_heartbeat")
"""


def test_change_is_committed_when_redis_is_unreachable():
    begun = time.monotonic()
    assert process(CHANGE_AND_ENQUEUE_SCRIPT, Q_BROKER_URL=UNREACHABLE_REDIS).wait(60) == 0
    assert Heartbeat.objects.filter(name="changed").exists()
    assert time.monotonic() - begun < 30


@contextmanager
def run_redis(port: int):
    """Run an empty Redis on this port."""
    try:
        program = servers.find_program("redis-server")
    except servers.ProgramMissing as missing:
        pytest.skip(str(missing))
    server = subprocess.Popen([program, "--port", str(port), "--save", ""], stdout=subprocess.DEVNULL)
    try:
        servers.wait_for_port(port, "Redis")
        yield
    finally:
        server.send_signal(signal.SIGKILL)
        server.wait()


CLUSTER_SCRIPT = "from django.core.management import execute_from_command_line as run; run(['manage.py', 'qcluster'])"


@contextmanager
def run_cluster(**environment: str):
    cluster = process(CLUSTER_SCRIPT, WORKERS="1", **environment)
    try:
        yield
    finally:
        cluster.terminate()  # a killed cluster would leave its workers behind
        cluster.wait(60)


CONFIRM_SCRIPT = """
import sys
import django; django.setup()
from django.utils import timezone
from portal.audit import Context
from reputation.bulk_actions import actions
from reputation.models import BulkAction
actions.MAX_SYNCHRONOUS = 0
bulk_action = BulkAction.objects.get(pk=sys.argv[1])
assert actions.confirm(bulk_action, context=Context(bulk_action.confirming_actor, timezone.now()))
"""

FLUSH_SCRIPT = "import redis, sys; redis.from_url(sys.argv[1]).flushall()"


def create_bulk_action(account, member, count: int) -> BulkAction:
    """Create a bulk action that enables `count` numbers."""
    campaign = CampaignFactory(account=account)
    numbers = [PhoneNumberFactory(account=account, campaign=campaign).pk for _ in range(count)]
    return actions.create_bulk_action(
        account=account,
        context=Context(Actor(user=member.user, via="web"), timezone.now()),
        action=BulkAction.Action.ENABLE,
        numbers=PhoneNumber.objects.filter(pk__in=numbers),
    )


def wait_until_done(bulk_action: BulkAction, *, seconds: float) -> bool:
    """Return whether the bulk action is done within this time."""
    until = time.monotonic() + seconds
    while time.monotonic() < until:
        bulk_action.refresh_from_db()
        if bulk_action.state == BulkAction.State.DONE:
            return True
        time.sleep(0.2)
    return False


def test_no_work_is_lost_when_redis_is_flushed_and_stopped(enrolled_account, admin, tmp_path):
    sync_schedules()
    port = servers.free_port()
    queue = {"Q_BROKER_URL": f"redis://127.0.0.1:{port}/0", "DATA_DIR": str(tmp_path), "TMPDIR": str(tmp_path)}
    flushed, untold = create_bulk_action(enrolled_account, admin, 3), create_bulk_action(enrolled_account, admin, 3)
    with ExitStack() as stack:
        with run_redis(port):
            assert process(CONFIRM_SCRIPT, flushed.pk, **queue).wait(60) == 0
            assert process(FLUSH_SCRIPT, queue["Q_BROKER_URL"]).wait(60) == 0
            stack.enter_context(run_cluster(**queue))
            assert wait_until_done(flushed, seconds=90), "the hint was flushed, and the schedule found the work"
        assert process(CONFIRM_SCRIPT, untold.pk, **queue).wait(60) == 0, (
            "with no Redis to tell, it is confirmed all the same"
        )
        untold.refresh_from_db()
        assert untold.state == BulkAction.State.APPLYING
        stack.enter_context(run_redis(port))
        Schedule.objects.update(next_run=timezone.now())
        assert wait_until_done(untold, seconds=120), "the same cluster goes on when Redis is back"
    assert set(PhoneNumber.objects.values_list("capability", flat=True)) <= {"verifying", "on"}


SCHEDULE_SCRIPT = """
import sys, time
import django; django.setup()
from django_q.brokers import get_broker
from django_q.scheduler import scheduler
time.sleep(max(0, float(sys.argv[1]) - time.time()))
scheduler(broker=get_broker())
"""


def test_four_concurrent_schedulers_start_each_schedule_once():
    sync_schedules()
    Schedule.objects.update(next_run=timezone.now())
    clusters = [process(SCHEDULE_SCRIPT, time.time() + 5) for _ in range(4)]
    assert [cluster.wait(60) for cluster in clusters] == [0] * 4
    fired = sorted(OrmQ.objects.get(pk=pk).func() for pk in OrmQ.objects.values_list("pk", flat=True))
    assert fired == sorted(Schedule.objects.values_list("func", flat=True))
