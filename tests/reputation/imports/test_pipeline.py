"""CSV import from the file to the numbers: preview, confirmation, applying, killed workers, and tidying up."""

import threading
import tracemalloc
from datetime import timedelta
from pathlib import Path

import pytest
from django.core.files.uploadedfile import SimpleUploadedFile
from django.db import connection, connections
from django.test.utils import CaptureQueriesContext
from django_q.models import OrmQ

from portal.audit import Context
from portal.models import AuditEvent
from reputation import phone_numbers
from reputation.imports import pipeline, preview
from reputation.matching.match import match
from reputation.models import Campaign, ImportRow, NumberImport, PhoneNumber
from reputation.tasks import imports as tasks
from tests.factories import CampaignFactory, MonitoredNumberFactory, PhoneNumberFactory

pytestmark = pytest.mark.django_db

State = NumberImport.State


@pytest.fixture(autouse=True)
def media_root(settings, tmp_path) -> Path:
    """Where uploads are kept."""
    settings.MEDIA_ROOT = tmp_path
    return tmp_path


@pytest.fixture
def create_import(account, actor, now):
    def receive_file(content: str) -> NumberImport:
        upload = SimpleUploadedFile("numbers.csv", content.encode())
        batch = pipeline.receive(account=account, upload=upload, context=Context(actor, now))
        batch.refresh_from_db()
        return batch

    return receive_file


@pytest.fixture
def background_only(monkeypatch):
    """Nothing is done while the person waits, and a chunk holds ten rows."""
    monkeypatch.setattr(pipeline, "MAX_SYNCHRONOUS_BYTES", 0)
    monkeypatch.setattr(pipeline, "MAX_SYNCHRONOUS_ROWS", 0)
    monkeypatch.setattr(pipeline, "CHUNK", 10)
    monkeypatch.setattr(pipeline, "PAUSE_SECONDS", 0)


def csv_text(count: int, label: str = "Line") -> str:
    return "number,label\n" + "".join(f"+1206{2_000_000 + n},{label} {n}\n" for n in range(count))


def stored_numbers(account) -> dict[str, tuple]:
    rows = PhoneNumber.objects.for_account(account).values_list("e164", "label", "source", "campaign__name")
    return {e164: tuple(rest) for e164, *rest in rows}


def audit_events(*codes: str) -> list[tuple[str, str, str, str]]:
    found = AuditEvent.objects.filter(what__in=codes).order_by("pk")
    return list(found.values_list("what", "subject_label", "before", "after"))


def confirm(batch: NumberImport, context: Context) -> bool:
    return pipeline.confirm(batch, context=context)


class TestThePreview:
    def test_it_says_what_will_happen_before_anything_is_written(self, create_import, account):
        PhoneNumberFactory(account=account, e164="+12062550143", label="Old")
        PhoneNumberFactory(account=account, e164="+14252550144", label="Same")
        before = stored_numbers(account)
        batch = create_import("number,label\n2062550143,New\n4252550144,Same\n5032550145,Third\nbroken,\n")
        assert batch.state == State.READY
        assert (batch.will_add, batch.will_change, batch.unchanged, batch.refused) == (1, 1, 1, 1)
        assert {group.outcome: [row.line for row in group.rows] for group in preview.get_outcome_groups(batch)} == {
            "refused": [5],
            "new": [4],
            "changed": [2],
            "unchanged": [3],
        }
        assert stored_numbers(account) == before
        assert preview.format_summary(batch) == "1 new, 1 changed, 1 unchanged, 1 refused"

    def test_a_removed_number_comes_back(self, create_import, account, actor, now):
        number = PhoneNumberFactory(account=account, e164="+12062550143", label="Old")
        phone_numbers.remove([number.pk], context=Context(actor, now))
        assert create_import("number\n2062550143\n").will_bring_back == 1

    def test_another_accounts_numbers_do_not_count(self, create_import):
        PhoneNumberFactory(e164="+12062550143")
        assert create_import("number\n2062550143\n").will_add == 1

    def test_a_file_that_changes_nothing_is_done_with_that(self, create_import, account):
        PhoneNumberFactory(account=account, e164="+12062550143")
        batch = create_import("number\n2062550143\nbroken\n")
        assert (batch.state, batch.unchanged, batch.refused) == (State.DONE, 1, 1)
        assert batch.confirmed_at is None

    def test_empty_cells_do_not_overwrite(self, create_import, account):
        campaign = CampaignFactory(account=account)
        PhoneNumberFactory(account=account, e164="+12062550143", label="Front", source="byoc", campaign=campaign)
        assert create_import("number,label,source,campaign\n2062550143,,,\n").unchanged == 1

    def test_no_file_is_kept_for_an_import_that_could_not_be_written_down(self, create_import, media_root, monkeypatch):
        def broken(*args: object, **kwargs: object) -> None:
            raise RuntimeError("the database is gone")

        monkeypatch.setattr(pipeline.audit, "record_event", broken)
        with pytest.raises(RuntimeError):
            create_import("number\n2062550143\n")
        assert not NumberImport.objects.exists()
        assert not list(media_root.rglob("*.csv"))

    def test_the_file_is_deleted_as_soon_as_it_is_read(self, create_import, media_root):
        batch = create_import("number\n2062550143\n")
        assert batch.file.name == ""
        assert not list(media_root.rglob("*.csv"))


class TestConfirming:
    def test_it_adds_changes_and_brings_back(self, create_import, account, actor, now):
        spring = CampaignFactory(account=account, name="Spring")
        autumn = CampaignFactory(account=account, name="Autumn")
        MonitoredNumberFactory(account=account, e164="+12062550143", label="Old", campaign=spring)
        gone = PhoneNumberFactory(account=account, e164="+14252550144", label="Gone")
        phone_numbers.remove([gone.pk], context=Context(actor, now))
        PhoneNumberFactory(account=account, e164="+15032550145", label="Same")
        batch = create_import(
            "number,label,source,campaign\n"
            "2062550143,New,byoc,autumn\n4252550144,,byoc,\n5032550145,Same,,\n7872550146,Island,,Spring\n"
        )
        assert confirm(batch, actor, now)
        assert (batch.state, batch.added, batch.changed, batch.brought_back, batch.left_alone) == ("done", 1, 1, 1, 0)
        assert stored_numbers(account) == {
            "+12062550143": ("New", "byoc", autumn.name),
            "+14252550144": ("Gone", "byoc", None),
            "+15032550145": ("Same", "native", None),
            "+17872550146": ("Island", "native", spring.name),
        }
        added = PhoneNumber.objects.get(e164="+17872550146")
        assert (added.region, added.kind, added.area_code) == ("PR", "geographic", "787")
        assert (added.capability, added.spam_status, added.next_action_at) == ("off", "not_monitored", None)
        assert PhoneNumber.objects.get(e164="+12062550143").capability == "on"

    def test_every_change_is_in_the_audit_trail_with_who_and_why(self, create_import, account, actor, now):
        CampaignFactory(account=account, name="Spring")
        gone = PhoneNumberFactory(account=account, e164="+14252550144", label="Gone", removed_at=now)
        PhoneNumberFactory(account=account, e164="+12062550143", label="Old")
        batch = create_import(
            "number,label,source,campaign\n2062550143,New,byoc,Spring\n4252550144,,,\n5032550145,Third,,\n"
        )
        confirm(batch, actor, now)
        assert audit_events("number.added", "number.changed", "number.campaign", "number.restored") == [
            ("number.added", "+15032550145", "", "Third"),
            ("number.changed", "+12062550143", "Old", "New"),
            ("number.changed", "+12062550143", "Native", "BYOC"),
            ("number.campaign", "+12062550143", "", "Spring"),
            ("number.restored", gone.e164, "", "Gone"),
        ]
        event = AuditEvent.objects.filter(what="number.added").get()
        assert (event.actor, event.reason, event.account) == (actor.user, "Import of numbers.csv", account)
        assert [
            what for what, *_ in audit_events("import.uploaded", "import.ready", "import.confirmed", "import.done")
        ] == [
            "import.uploaded",
            "import.ready",
            "import.confirmed",
            "import.done",
        ]

    def test_the_same_file_again_changes_nothing(self, create_import, account, actor, now):
        CampaignFactory(account=account, name="Spring")
        content = "number,label,source,campaign\n2062550143,A,byoc,Spring\n(425) 255-0144,,,\n4162550144,T,,\nx,,,\n"
        confirm(create_import(content), actor, now)
        before, trail = stored_numbers(account), AuditEvent.objects.filter(what__startswith="number.").count()
        again = create_import(content)
        assert (again.state, again.unchanged, again.refused, again.to_do) == (State.DONE, 3, 1, 0)
        assert stored_numbers(account) == before
        assert AuditEvent.objects.filter(what__startswith="number.").count() == trail

    def test_a_second_click_does_nothing(self, create_import, account, actor, now):
        batch = create_import("number\n2062550143\n")
        stale = NumberImport.objects.get(pk=batch.pk)
        assert confirm(batch, actor, now)
        assert not confirm(stale, actor, now)
        assert len(audit_events("number.added")) == 1
        assert stale.state == State.DONE

    def test_what_somebody_changed_meanwhile_is_left_alone_and_said(self, create_import, account, actor, now):
        changed = PhoneNumberFactory(account=account, e164="+12062550143", label="Old")
        moved = PhoneNumberFactory(account=account, e164="+12062550144", label="Old")
        removed = PhoneNumberFactory(account=account, e164="+12062550145", label="Old")
        back = PhoneNumberFactory(account=account, e164="+12062550146", label="Old", removed_at=now)
        PhoneNumberFactory(account=account, e164="+12062550147", label="Old")
        batch = create_import("number,label\n" + "".join(f"+1206255014{n},New\n" for n in range(3, 10)))
        PhoneNumber.objects.filter(pk=changed.pk).update(label="By somebody else")
        PhoneNumber.objects.filter(pk=moved.pk).update(campaign=CampaignFactory(account=account))
        phone_numbers.remove([removed.pk], context=Context(actor, now))
        PhoneNumber.objects.filter(pk=back.pk).update(removed_at=None)
        PhoneNumberFactory(account=account, e164="+12062550148", label="By somebody else")
        confirm(batch, actor, now)
        assert (batch.added, batch.changed, batch.brought_back, batch.left_alone) == (1, 1, 0, 5)
        labels = {e164[-1]: label for e164, (label, *_) in stored_numbers(account).items()}
        assert labels == {
            "3": "By somebody else",
            "4": "Old",
            "6": "Old",
            "7": "New",
            "8": "By somebody else",
            "9": "New",
        }
        assert len(audit_events("number.changed", "number.added")) == 2
        left = list(preview.iter_refused_lines(batch))[1:]
        assert [line for line, _, _ in left] == [2, 3, 4, 5, 7]
        assert all("after the preview" in reason for *_, reason in left)

    def test_a_cancelled_import_cannot_be_confirmed(self, create_import, account, actor, now):
        batch = create_import("number\n2062550143\n")
        assert pipeline.cancel(batch, context=Context(actor, now))
        assert not pipeline.cancel(batch, context=Context(actor, now))
        assert not confirm(batch, actor, now)
        assert stored_numbers(account) == {}

    def test_a_confirmed_import_cannot_be_cancelled(self, create_import, actor, now):
        batch = create_import("number\n2062550143\n")
        confirm(batch, actor, now)
        assert not pipeline.cancel(batch, context=Context(actor, now))


@pytest.mark.usefixtures("background_only")
class TestInTheBackground:
    def test_a_larger_file_is_queued_when_it_comes_and_when_it_is_confirmed(self, create_import, account, actor, now):
        batch = create_import(csv_text(25))
        assert batch.state == State.RECEIVED
        assert [queued.func() for queued in OrmQ.objects.all()] == ["reputation.tasks.imports.advance_import"]
        tasks.advance_import(batch.pk)
        batch.refresh_from_db()
        assert (batch.state, batch.will_add) == (State.READY, 25)
        confirm(batch, actor, now)
        assert (batch.state, OrmQ.objects.count()) == (State.APPLYING, 2)
        tasks.advance_import(batch.pk)
        batch.refresh_from_db()
        assert (batch.state, batch.added) == (State.DONE, 25)
        assert len(stored_numbers(account)) == 25

    def test_it_goes_on_in_another_task_when_the_time_is_up(self, create_import, monkeypatch):
        batch = create_import(csv_text(25))
        OrmQ.objects.all().delete()
        assert pipeline.advance(batch, now=batch.received_at, budget_seconds=-1)
        batch.refresh_from_db()
        assert (batch.state, batch.line, batch.rows.count()) == (State.READING, 11, 10)
        assert 0 < batch.done_by < batch.most
        monkeypatch.setattr(pipeline.advance, "__kwdefaults__", {"budget_seconds": -1})
        tasks.advance_import(batch.pk)
        assert OrmQ.objects.count() == 1

    @pytest.mark.parametrize("applying", [False, True])
    def test_a_killed_workers_successor_goes_on_where_it_stopped(
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
            confirm(batch, actor, now)
        monkeypatch.setattr(pipeline.time, "sleep", pause)
        with pytest.raises(Killed):
            pipeline.advance(batch, now=now)
        done = ImportRow.objects.count() if not applying else len(stored_numbers(account))
        assert done == 20
        # As a kill leaves it: nobody gave the lease back.
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

    def test_a_worker_that_lost_its_lease_writes_nothing_more(self, create_import, now, monkeypatch):
        batch = create_import(csv_text(35))

        def robbed(seconds: float) -> None:
            NumberImport.objects.update(lease_token="of another")

        monkeypatch.setattr(pipeline.time, "sleep", robbed)
        assert not pipeline.advance(batch, now=now)
        batch.refresh_from_db()
        assert (batch.rows.count(), batch.line, batch.lease_token) == (10, 11, "of another")

    @pytest.mark.parametrize("lines", [35, 10])
    def test_cancelled_while_it_is_read_it_stops(self, create_import, actor, now, monkeypatch, media_root, lines):
        batch = create_import(csv_text(lines))
        monkeypatch.setattr(pipeline.time, "sleep", lambda seconds: pipeline.cancel(batch, context=Context(actor, now)))
        pipeline.advance(NumberImport.objects.get(pk=batch.pk), now=now)
        batch.refresh_from_db()
        assert (batch.state, batch.rows.count()) == (State.CANCELLED, 10)
        assert not list(media_root.rglob("*.csv"))

    def test_numbers_are_stored_in_their_order_whatever_that_of_the_file(self, create_import, account, actor, now):
        heading, *lines = csv_text(35).splitlines(keepends=True)
        batch = create_import(heading + "no number,\n" + "".join(lines[::-1]))
        pipeline.advance(batch, now=now)
        confirm(batch, actor, now)
        while pipeline.advance(batch, now=now):
            pass
        stored = list(PhoneNumber.objects.for_account(account).order_by("pk").values_list("e164", flat=True))
        assert stored == sorted(stored)
        assert len(stored) == 35

    def test_stopped_while_it_is_applied_what_is_imported_stays_and_the_rest_is_not_touched(
        self, create_import, account, actor, now, monkeypatch
    ):
        batch = create_import(csv_text(35))
        pipeline.advance(batch, now=now)
        confirm(batch, actor, now)
        monkeypatch.setattr(pipeline.time, "sleep", lambda seconds: pipeline.stop(batch, context=Context(actor, now)))
        assert not pipeline.advance(NumberImport.objects.get(pk=batch.pk), now=now)
        tasks.continue_imports()
        batch.refresh_from_db()
        assert (batch.state, batch.added, batch.through, batch.to_do) == (State.STOPPED, 10, 10, 35)
        assert len(stored_numbers(account)) == len(audit_events("number.added")) == 10
        assert len(audit_events("import.stopped")) == 1
        assert preview.format_summary(batch) == "10 added"
        assert not audit_events("import.done")

    def test_the_same_file_after_a_stop_goes_on_from_what_is_there(
        self, create_import, account, actor, now, monkeypatch
    ):
        batch = create_import(csv_text(35))
        pipeline.advance(batch, now=now)
        confirm(batch, actor, now)
        with monkeypatch.context() as patched:
            patched.setattr(pipeline.time, "sleep", lambda seconds: pipeline.stop(batch, context=Context(actor, now)))
            pipeline.advance(NumberImport.objects.get(pk=batch.pk), now=now)
        again = create_import(csv_text(35))
        pipeline.advance(again, now=now)
        again.refresh_from_db()
        assert (again.will_add, again.unchanged) == (25, 10)

    def test_what_is_not_under_way_cannot_be_stopped(self, create_import, actor, now):
        batch = create_import(csv_text(35))
        assert not pipeline.stop(batch, context=Context(actor, now))
        pipeline.advance(batch, now=now)
        assert not pipeline.stop(batch, context=Context(actor, now))
        confirm(batch, actor, now)
        pipeline.advance(batch, now=now)
        assert not pipeline.stop(batch, context=Context(actor, now))
        batch.refresh_from_db()
        assert batch.state == State.DONE

    def test_the_sweep_goes_on_with_what_the_queue_lost(self, create_import):
        batches = [create_import(csv_text(25, label)) for label in ("A", "B")]
        OrmQ.objects.all().delete()
        tasks.continue_imports()
        for batch in batches:
            batch.refresh_from_db()
            assert batch.state == State.READY

    def test_a_file_that_is_gone_fails_with_what_to_do(self, create_import, media_root, now):
        batch = create_import(csv_text(25))
        for file in media_root.rglob("*.csv"):
            file.unlink()
        assert not pipeline.advance(batch, now=now)
        batch.refresh_from_db()
        assert (batch.state, batch.reason) == (
            State.FAILED,
            "The uploaded file is no longer on the server. Import it again.",
        )

    def test_what_goes_wrong_again_and_again_is_given_up_and_said(self, create_import, now, monkeypatch):
        def broken(*args: object) -> None:
            raise RuntimeError("the disk is on fire")

        batch = create_import(csv_text(25))
        monkeypatch.setattr(pipeline, "_stage_chunk", broken)
        for _ in range(pipeline.MAX_ATTEMPTS):
            assert NumberImport.objects.under_way().exists()
            pipeline.advance(batch, now=now)
        batch.refresh_from_db()
        assert batch.state == State.FAILED
        assert batch.reason.startswith("Something went wrong on the server")

    def test_an_import_that_no_longer_exists_is_no_error(self):
        tasks.advance_import(4711)


@pytest.mark.usefixtures("background_only")
class TestCost:
    def test_a_chunk_costs_as_many_queries_whatever_it_holds(self, create_import, account, actor, now, monkeypatch):
        def queries(count: int) -> tuple[int, int]:
            monkeypatch.setattr(pipeline, "CHUNK", count)
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
            confirm(batch, actor, now)
            with CaptureQueriesContext(connection) as applying:
                pipeline.advance(batch, now=now)
            batch.refresh_from_db()
            assert (batch.state, batch.through) == (State.DONE, count // 5 * 4)
            return len(reading), len(applying)

        assert queries(5) == queries(500)

    def test_memory_does_not_grow_with_the_file(self, create_import, account, actor, now, monkeypatch):
        monkeypatch.setattr(pipeline, "CHUNK", 200)

        def peak(count: int) -> int:
            batch = create_import(csv_text(count, label="L" * 60))
            tracemalloc.start()
            try:
                pipeline.advance(batch, now=now)
                confirm(batch, actor, now)
                pipeline.advance(batch, now=now)
                return tracemalloc.get_traced_memory()[1]
            finally:
                tracemalloc.stop()
                assert NumberImport.objects.get(pk=batch.pk).added == count
                PhoneNumber.objects.all().delete()

        peak(400)  # what is loaded once
        assert peak(6_000) < 1.3 * peak(600)


class TestTidyingUp:
    def test_what_nobody_confirmed_expires_with_its_lines_and_file(self, create_import, now, media_root):
        batch = create_import(csv_text(3))
        tasks_now = now + pipeline.get_retention()
        while pipeline.clean_up(now=tasks_now):
            pass
        batch.refresh_from_db()
        assert (batch.state, batch.rows_kept, batch.rows.count()) == (State.EXPIRED, False, 0)
        assert audit_events("import.expired")
        assert not list(media_root.rglob("*.csv"))

    def test_it_costs_as_many_queries_for_500_lines_as_for_5(self, create_import, now):
        def queries(lines: int) -> int:
            create_import(csv_text(lines))
            with CaptureQueriesContext(connection) as captured:
                while pipeline.clean_up(now=now + pipeline.get_retention()):
                    pass
            return len(captured)

        assert queries(5) == queries(500)

    def test_until_then_it_stays(self, create_import, now):
        batch = create_import(csv_text(3))
        assert pipeline.clean_up(now=now + pipeline.get_retention() - timedelta(seconds=1)) == 0
        assert NumberImport.objects.get(pk=batch.pk).state == State.READY

    def test_a_person_has_an_hour_however_short_a_day_is(self, settings):
        settings.SERVICE_DAY = timedelta(seconds=20)
        assert pipeline.get_retention() == timedelta(hours=1)
        settings.SERVICE_DAY = timedelta(days=1)
        assert pipeline.get_retention() == timedelta(days=7)

    @pytest.mark.usefixtures("background_only")
    def test_a_file_that_was_never_read_is_deleted(self, create_import, now, media_root):
        create_import(csv_text(3))
        assert list(media_root.rglob("*.csv"))
        pipeline.clean_up(now=now + pipeline.get_retention())
        assert not list(media_root.rglob("*.csv"))

    def test_the_refused_lines_of_a_done_import_are_kept_as_long(self, create_import, actor, now):
        batch = create_import("number\n2062550143\nbroken\n")
        confirm(batch, actor, now)
        assert pipeline.clean_up(now=now + pipeline.get_retention() - timedelta(seconds=1)) == 0
        assert len(list(preview.iter_refused_lines(batch))) == 2
        while pipeline.clean_up(now=now + pipeline.get_retention()):
            pass
        batch.refresh_from_db()
        assert (batch.state, batch.refused, batch.rows.count()) == (State.DONE, 1, 0)

    def test_the_lines_of_a_cancelled_import_go_at_once(self, create_import, actor, now):
        batch = create_import(csv_text(3))
        pipeline.cancel(batch, context=Context(actor, now))
        tasks.end_stale_imports()
        assert not ImportRow.objects.exists()

    def test_numbers_stay_when_the_lines_go(self, create_import, account, actor, now):
        confirm(create_import(csv_text(3)), actor, now)
        while pipeline.clean_up(now=now + pipeline.get_retention()):
            pass
        assert len(stored_numbers(account)) == 3


class TestTheDailyLimit:
    @pytest.mark.parametrize(("daily_limit", "shown"), [(None, True), (3, True), (2, False)])
    def test_a_number_at_its_limit_is_shown_again_where_its_new_campaigns_limit_allows(
        self, create_import, account, actor, now, daily_limit, shown
    ):
        limited = CampaignFactory(account=account, name="Spring", daily_limit=2)
        other = CampaignFactory(account=account, name="Summer", daily_limit=daily_limit)
        PhoneNumberFactory(account=account, e164="+12062550143", campaign=limited)

        def asked(campaign: Campaign) -> str | None:
            by = {"account_id": account.pk, "campaign_id": campaign.pk}
            return match(**by, called="+12063550199", now=now).caller_id

        assert [asked(limited) for _ in range(3)] == ["+12062550143", "+12062550143", None]
        confirm(create_import("number,campaign\n2062550143,Summer\n"), actor, now)
        assert asked(other) == ("+12062550143" if shown else None)


@pytest.mark.django_db(transaction=True)
@pytest.mark.usefixtures("background_only")
@pytest.mark.parametrize("with_lease", [True, False])
def test_two_workers_at_the_same_import_do_nothing_twice(create_import, account, actor, now, monkeypatch, with_lease):
    """With the lease one works alone; and even if both held it, each chunk is done once."""
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
    confirm(batch, actor, now)
    both_at_it()
    while pipeline.advance(batch, now=now + timedelta(seconds=200)):
        pass
    batch.refresh_from_db()
    assert (batch.state, batch.added, batch.left_alone) == (State.DONE, 120, 0)
    assert len(stored_numbers(account)) == len(audit_events("number.added")) == 120


@pytest.mark.django_db(transaction=True)
@pytest.mark.usefixtures("background_only")
def test_two_files_with_the_same_numbers_at_once_add_each_number_once(create_import, account, actor, now):
    batches = [create_import(csv_text(60, label)) for label in ("A", "B")]
    for batch in batches:
        pipeline.advance(batch, now=now)
        confirm(batch, actor, now)
    begin = threading.Barrier(2)

    def work(batch: NumberImport) -> None:
        begin.wait()
        try:
            pipeline.advance(batch, now=now)
        finally:
            connections.close_all()

    workers = [threading.Thread(target=work, args=[batch]) for batch in batches]
    for worker in workers:
        worker.start()
    for worker in workers:
        worker.join()
    for batch in batches:
        batch.refresh_from_db()
    assert [batch.state for batch in batches] == [State.DONE, State.DONE]
    assert sum(batch.added for batch in batches) == sum(batch.left_alone for batch in batches) == 60
    assert len(stored_numbers(account)) == len(audit_events("number.added")) == 60
