"""Imports by workers: chunks, killed workers, lost claims, and the number of queries."""

import threading
import tracemalloc
from datetime import timedelta

import pytest
from django.db import connection, connections
from django.test.utils import CaptureQueriesContext
from django.utils import timezone
from django_q.models import OrmQ

from portal.audit import Context
from reputation.imports import pipeline, preview, progress, reading
from reputation.models import ImportRow, NumberImport, PhoneNumber
from reputation.tasks import imports as tasks
from tests.factories import PhoneNumberFactory
from tests.reputation.imports.import_data import audit_events, confirm, csv_text, stored_files, stored_numbers

pytestmark = pytest.mark.django_db

State = NumberImport.State
LEASE = pipeline.LEASE


@pytest.mark.usefixtures("background_only")
class TestBackground:
    def test_large_file_is_queued_on_upload_and_on_confirmation(self, create_import, account, actor, now):
        batch = create_import(csv_text(25))
        assert batch.state == State.RECEIVED
        assert [queued.func() for queued in OrmQ.objects.all()] == ["reputation.tasks.imports.advance_import"]
        tasks.advance_import(batch.pk)
        batch.refresh_from_db()
        assert (batch.state, batch.will_add) == (State.READY, 25)
        confirm(batch, Context(actor, now))
        assert (batch.state, OrmQ.objects.count()) == (State.APPLYING, 2)
        tasks.advance_import(batch.pk)
        batch.refresh_from_db()
        assert (batch.state, batch.added) == (State.DONE, 25)
        assert len(stored_numbers(account)) == 25

    def test_another_task_is_queued_when_the_time_budget_is_used_up(self, create_import, monkeypatch):
        batch = create_import(csv_text(25))
        OrmQ.objects.all().delete()
        assert pipeline.advance(batch, now=batch.received_at, budget_seconds=-1)
        batch.refresh_from_db()
        assert (batch.state, batch.lines_read, batch.rows.count()) == (State.READING, 11, 10)
        assert 0 < batch.progress_value < batch.progress_max
        monkeypatch.setattr(pipeline.advance, "__kwdefaults__", {"budget_seconds": -1})
        tasks.advance_import(batch.pk)
        assert OrmQ.objects.count() == 1

    @pytest.mark.parametrize("applying", [False, True])
    def test_another_worker_continues_where_a_killed_worker_stopped(
        self, create_import, account, actor, now, monkeypatch, applying
    ):
        class Killed(BaseException):
            pass

        pauses = []

        def pause(seconds: float) -> None:
            pauses.append(seconds)
            if len(pauses) == 2:
                raise Killed

        batch = create_import(csv_text(35))
        if applying:
            pipeline.advance(batch, now=now)
            confirm(batch, Context(actor, now))
        monkeypatch.setattr("time.sleep", pause)
        with pytest.raises(Killed):
            pipeline.advance(batch, now=now)
        done = ImportRow.objects.count() if not applying else len(stored_numbers(account))
        assert done == 20
        # A killed worker does not release its claim.
        NumberImport.objects.update(lease_until=now + pipeline.LEASE, lease_token="of the dead")
        assert not pipeline.advance(batch, now=now)
        assert (ImportRow.objects.count() if not applying else len(stored_numbers(account))) == 20
        while pipeline.advance(batch, now=now + pipeline.LEASE + timedelta(seconds=1)):
            pass
        batch.refresh_from_db()
        assert batch.state == (State.DONE if applying else State.READY)
        assert ImportRow.objects.count() == 35
        assert batch.will_add == 35
        assert len(audit_events("number.added")) == (35 if applying else 0)

    @pytest.mark.parametrize("applying", [False, True])
    def test_worker_whose_claim_expired_changes_nothing(self, create_import, account, actor, now, applying):
        """The worker stalls between two chunks, and another finishes the import meanwhile."""
        batch = create_import(csv_text(35))
        if applying:
            pipeline.advance(batch, now=now)
            confirm(batch, Context(actor, now))
        results = []

        def stall(seconds: float) -> None:
            if not results:
                results.append("stalled")
                results.append(pipeline.advance(NumberImport.objects.get(pk=batch.pk), now=timezone.now() + LEASE))

        with pytest.MonkeyPatch.context() as patch:
            patch.setattr("time.sleep", stall)
            assert not pipeline.advance(batch, now=now)
        assert results == ["stalled", False]
        batch.refresh_from_db()
        assert batch.state == (State.DONE if applying else State.READY)
        assert (batch.will_add, batch.rows.count()) == (35, 35)
        assert (batch.added, len(stored_numbers(account))) == ((35, 35) if applying else (0, 0))

    def test_worker_that_lost_its_claim_writes_nothing_more(self, create_import, now, monkeypatch):
        batch = create_import(csv_text(35))

        def robbed(seconds: float) -> None:
            NumberImport.objects.update(lease_token="of another")

        monkeypatch.setattr("time.sleep", robbed)
        assert not pipeline.advance(batch, now=now)
        batch.refresh_from_db()
        assert (batch.rows.count(), batch.lines_read, batch.lease_token) == (10, 11, "of another")

    @pytest.mark.parametrize("lines", [35, 10])
    def test_import_cancelled_during_reading_stops(self, create_import, actor, now, monkeypatch, media_root, lines):
        batch = create_import(csv_text(lines))
        monkeypatch.setattr("time.sleep", lambda seconds: pipeline.cancel(batch, context=Context(actor, now)))
        pipeline.advance(NumberImport.objects.get(pk=batch.pk), now=now)
        batch.refresh_from_db()
        assert (batch.state, batch.rows.count()) == (State.CANCELLED, 10)
        assert not stored_files(media_root)

    def test_numbers_are_stored_in_numeric_order(self, create_import, account, actor, now):
        heading, *lines = csv_text(35).splitlines(keepends=True)
        batch = create_import(heading + "no number,\n" + "".join(lines[::-1]))
        pipeline.advance(batch, now=now)
        confirm(batch, Context(actor, now))
        while pipeline.advance(batch, now=now):
            pass
        stored = list(PhoneNumber.objects.for_account(account).order_by("pk").values_list("e164", flat=True))
        assert stored == sorted(stored)
        assert len(stored) == 35

    def test_stopped_import_keeps_applied_rows_and_leaves_the_rest(
        self, create_import, account, actor, now, monkeypatch
    ):
        batch = create_import(csv_text(35))
        pipeline.advance(batch, now=now)
        confirm(batch, Context(actor, now))
        monkeypatch.setattr("time.sleep", lambda seconds: pipeline.stop(batch, context=Context(actor, now)))
        assert not pipeline.advance(NumberImport.objects.get(pk=batch.pk), now=now)
        tasks.continue_imports()
        batch.refresh_from_db()
        assert (batch.state, batch.added, batch.processed_count, batch.total_count) == (State.STOPPED, 10, 10, 35)
        assert len(stored_numbers(account)) == len(audit_events("number.added")) == 10
        assert len(audit_events("import.stopped")) == 1
        assert preview.format_summary(batch) == "10 added"
        assert not audit_events("import.done")

    def test_same_file_can_be_imported_again_after_a_stop(self, create_import, account, actor, now, monkeypatch):
        batch = create_import(csv_text(35))
        pipeline.advance(batch, now=now)
        confirm(batch, Context(actor, now))
        with monkeypatch.context() as patched:
            patched.setattr(pipeline.time, "sleep", lambda seconds: pipeline.stop(batch, context=Context(actor, now)))
            pipeline.advance(NumberImport.objects.get(pk=batch.pk), now=now)
        again = create_import(csv_text(35))
        pipeline.advance(again, now=now)
        again.refresh_from_db()
        assert (again.will_add, again.unchanged) == (25, 10)

    def test_import_that_is_not_being_applied_cannot_be_stopped(self, create_import, actor, now):
        batch = create_import(csv_text(35))
        assert not pipeline.stop(batch, context=Context(actor, now))
        pipeline.advance(batch, now=now)
        assert not pipeline.stop(batch, context=Context(actor, now))
        confirm(batch, Context(actor, now))
        pipeline.advance(batch, now=now)
        assert not pipeline.stop(batch, context=Context(actor, now))
        batch.refresh_from_db()
        assert batch.state == State.DONE

    def test_sweep_continues_imports_that_the_queue_lost(self, create_import):
        batches = [create_import(csv_text(25, label)) for label in ("A", "B")]
        OrmQ.objects.all().delete()
        tasks.continue_imports()
        for batch in batches:
            batch.refresh_from_db()
            assert batch.state == State.READY

    def test_import_with_a_missing_file_fails_with_advice(self, create_import, media_root, now):
        batch = create_import(csv_text(25))
        for file in stored_files(media_root):
            file.unlink()
        assert not pipeline.advance(batch, now=now)
        batch.refresh_from_db()
        assert (batch.state, batch.reason) == (
            State.FAILED,
            "The uploaded file is no longer on the server. Import it again.",
        )

    def test_import_fails_after_repeated_errors(self, create_import, now, monkeypatch):
        def broken(*args: object) -> None:
            raise RuntimeError("the disk is on fire")

        batch = create_import(csv_text(25))
        monkeypatch.setattr(reading, "_stage_chunk", broken)
        for _ in range(pipeline.MAX_ATTEMPTS):
            assert NumberImport.objects.in_progress().exists()
            pipeline.advance(batch, now=now)
        batch.refresh_from_db()
        assert batch.state == State.FAILED
        assert batch.reason.startswith("Something went wrong on the server")

    def test_task_ignores_an_import_that_no_longer_exists(self):
        tasks.advance_import(4711)


@pytest.mark.usefixtures("background_only")
class TestCost:
    def test_query_count_of_a_chunk_is_the_same_for_5_and_500_rows(
        self, create_import, account, actor, now, monkeypatch
    ):
        def queries(count: int) -> tuple[int, int]:
            monkeypatch.setattr(progress, "CHUNK", count)
            start = PhoneNumber.objects.count()
            there = PhoneNumberFactory.create_batch(count // 5 * 2, account=account, label="Old")
            PhoneNumber.objects.filter(pk__in=[number.pk for number in there[::2]]).update(removed_at=now)
            lines = [f"{number.e164},New,byoc\n" for number in there]
            lines += [f"+1425{2_000_000 + start + n},New,byoc\n" for n in range(count // 5 * 2)]
            lines += [f"broken {n},,\n" for n in range(count // 5)]
            batch = create_import("number,label,source\n" + "".join(lines))
            with CaptureQueriesContext(connection) as reading:
                pipeline.advance(batch, now=now)
            batch.refresh_from_db()
            assert batch.rows.count() == count
            confirm(batch, Context(actor, now))
            with CaptureQueriesContext(connection) as applying:
                pipeline.advance(batch, now=now)
            batch.refresh_from_db()
            assert (batch.state, batch.processed_count) == (State.DONE, count // 5 * 4)
            return len(reading), len(applying)

        assert queries(5) == queries(500)

    def test_memory_does_not_grow_with_the_file(self, create_import, account, actor, now, monkeypatch):
        monkeypatch.setattr(progress, "CHUNK", 200)
        monkeypatch.setitem(pipeline.advance.__kwdefaults__, "budget_seconds", 3600)

        def peak(count: int) -> int:
            batch = create_import(csv_text(count, label="L" * 60))
            tracemalloc.start()
            try:
                pipeline.advance(batch, now=now)
                confirm(batch, Context(actor, now))
                pipeline.advance(batch, now=now)
                return tracemalloc.get_traced_memory()[1]
            finally:
                tracemalloc.stop()
                assert NumberImport.objects.get(pk=batch.pk).added == count
                PhoneNumber.objects.all().delete()

        peak(400)  # warm up caches
        assert peak(6_000) < 1.3 * peak(600)


@pytest.mark.django_db(transaction=True)
@pytest.mark.usefixtures("background_only")
@pytest.mark.parametrize("with_lease", [True, False])
def test_two_workers_on_the_same_import_process_each_row_once(
    create_import, account, actor, now, monkeypatch, with_lease
):
    """With a claim, one worker at a time works. Even if both hold it, each chunk is processed once."""
    batch = create_import(csv_text(120))

    def both_at_it() -> None:
        begin = threading.Barrier(2)

        def work() -> None:
            begin.wait()
            try:
                for _ in range(3):
                    pipeline.advance(NumberImport.objects.get(pk=batch.pk), now=now)
                    if not with_lease:
                        NumberImport.objects.update(lease_until=None)
            finally:
                connections.close_all()

        workers = [threading.Thread(target=work) for _ in range(2)]
        for worker in workers:
            worker.start()
        for worker in workers:
            worker.join()

    if not with_lease:
        monkeypatch.setattr(pipeline, "LEASE", timedelta(0))
    both_at_it()
    while pipeline.advance(batch, now=now + timedelta(seconds=200)):
        pass
    batch.refresh_from_db()
    assert (batch.state, batch.will_add, batch.rows.count()) == (State.READY, 120, 120)
    confirm(batch, Context(actor, now))
    both_at_it()
    while pipeline.advance(batch, now=now + timedelta(seconds=200)):
        pass
    batch.refresh_from_db()
    assert (batch.state, batch.added, batch.skipped) == (State.DONE, 120, 0)
    assert len(stored_numbers(account)) == len(audit_events("number.added")) == 120
