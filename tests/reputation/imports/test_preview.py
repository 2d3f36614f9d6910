"""The preview shows what an import will do before anything is written."""

import pytest

from portal.audit import Context
from reputation import phone_numbers
from reputation.imports import preview, progress
from reputation.models import NumberImport
from tests.factories import CampaignFactory, PhoneNumberFactory
from tests.reputation.imports.import_data import confirm, stored_files, stored_numbers

pytestmark = pytest.mark.django_db

State = NumberImport.State


class TestPreview:
    def test_preview_lists_outcomes_before_anything_is_written(self, create_import, account):
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

    def test_removed_number_will_be_restored(self, create_import, account, actor, now):
        number = PhoneNumberFactory(account=account, e164="+12062550143", label="Old")
        phone_numbers.remove([number.pk], context=Context(actor, now))
        assert create_import("number\n2062550143\n").will_restore == 1

    def test_numbers_of_other_accounts_are_ignored(self, create_import):
        PhoneNumberFactory(e164="+12062550143")
        assert create_import("number\n2062550143\n").will_add == 1

    def test_import_that_changes_nothing_is_done_without_confirmation(self, create_import, account):
        PhoneNumberFactory(account=account, e164="+12062550143")
        batch = create_import("number\n2062550143\nbroken\n")
        assert (batch.state, batch.unchanged, batch.refused) == (State.DONE, 1, 1)
        assert batch.confirmed_at is None

    def test_empty_cells_do_not_overwrite_values(self, create_import, account):
        campaign = CampaignFactory(account=account)
        PhoneNumberFactory(account=account, e164="+12062550143", label="Front", source="byoc", campaign=campaign)
        assert create_import("number,label,source,campaign\n2062550143,,,\n").unchanged == 1

    def test_file_is_deleted_when_the_import_cannot_be_stored(self, create_import, media_root, monkeypatch):
        def broken(*args: object, **kwargs: object) -> None:
            raise RuntimeError("the database is gone")

        monkeypatch.setattr(progress, "record_event", broken)
        with pytest.raises(RuntimeError):
            create_import("number\n2062550143\n")
        assert not NumberImport.objects.exists()
        assert not stored_files(media_root)

    def test_the_file_is_kept_until_the_import_is_confirmed(self, create_import, media_root, actor, now):
        batch = create_import("number\n2062550143\n")
        assert batch.file.read() == b"number\n2062550143\n"
        confirm(batch, Context(actor, now))
        assert not stored_files(media_root)

    def test_a_file_of_which_no_line_can_be_imported_waits_for_another_choice(self, create_import):
        batch = create_import("number\nbroken\n")
        assert (batch.state, batch.total_count, batch.refused) == (State.READY, 0, 1)
