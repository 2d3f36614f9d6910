"""Unconfirmed imports expire, and staged rows and files are deleted."""

from datetime import timedelta

import pytest
from django.db import connection
from django.test.utils import CaptureQueriesContext

from portal.audit import Context
from reputation.imports import cleanup, pipeline, preview
from reputation.models import ImportRow, NumberImport
from reputation.tasks import imports as tasks
from tests.reputation.imports.import_data import audit_events, confirm, csv_text, stored_files, stored_numbers

pytestmark = pytest.mark.django_db

State = NumberImport.State


class TestCleanUp:
    def test_unconfirmed_import_expires_with_its_rows_and_file(self, create_import, now, media_root):
        batch = create_import(csv_text(3))
        tasks_now = now + cleanup.get_retention()
        while cleanup.clean_up(now=tasks_now):
            pass
        batch.refresh_from_db()
        assert (batch.state, batch.has_rows, batch.rows.count()) == (State.EXPIRED, False, 0)
        assert audit_events("import.expired")
        assert not stored_files(media_root)

    def test_query_count_is_the_same_for_5_and_500_rows(self, create_import, now):
        def queries(lines: int) -> int:
            create_import(csv_text(lines))
            with CaptureQueriesContext(connection) as captured:
                while cleanup.clean_up(now=now + cleanup.get_retention()):
                    pass
            return len(captured)

        assert queries(5) == queries(500)

    def test_import_is_kept_until_its_retention_ends(self, create_import, now):
        batch = create_import(csv_text(3))
        assert cleanup.clean_up(now=now + cleanup.get_retention() - timedelta(seconds=1)) == 0
        assert NumberImport.objects.get(pk=batch.pk).state == State.READY

    def test_retention_is_at_least_an_hour(self, settings):
        settings.SERVICE_DAY = timedelta(seconds=20)
        assert cleanup.get_retention() == timedelta(hours=1)
        settings.SERVICE_DAY = timedelta(days=1)
        assert cleanup.get_retention() == timedelta(days=7)

    @pytest.mark.usefixtures("background_only")
    def test_a_file_that_was_never_read_is_deleted(self, create_import, now, media_root):
        create_import(csv_text(3))
        assert stored_files(media_root)
        cleanup.clean_up(now=now + cleanup.get_retention())
        assert not stored_files(media_root)

    def test_refused_lines_of_an_applied_import_are_kept_until_the_retention_ends(self, create_import, actor, now):
        batch = create_import("number\n2062550143\nbroken\n")
        confirm(batch, Context(actor, now))
        assert cleanup.clean_up(now=now + cleanup.get_retention() - timedelta(seconds=1)) == 0
        assert len(list(preview.iter_refused_lines(batch))) == 2
        while cleanup.clean_up(now=now + cleanup.get_retention()):
            pass
        batch.refresh_from_db()
        assert (batch.state, batch.refused, batch.rows.count()) == (State.DONE, 1, 0)

    def test_rows_of_a_cancelled_import_are_deleted_immediately(self, create_import, actor, now):
        batch = create_import(csv_text(3))
        pipeline.cancel(batch, context=Context(actor, now))
        tasks.end_stale_imports()
        assert not ImportRow.objects.exists()

    def test_numbers_are_kept_when_rows_are_deleted(self, create_import, account, actor, now):
        confirm(create_import(csv_text(3)), Context(actor, now))
        while cleanup.clean_up(now=now + cleanup.get_retention()):
            pass
        assert len(stored_numbers(account)) == 3
