"""A confirmed import writes what its preview showed, and skips numbers that were changed since."""

import threading

import pytest
from django.db import connections

from portal.audit import Context
from portal.models import AuditEvent
from reputation import phone_numbers
from reputation.imports import pipeline, preview
from reputation.matching.match import match
from reputation.models import Campaign, NumberImport, PhoneNumber
from tests.factories import CampaignFactory, MonitoredNumberFactory, PhoneNumberFactory
from tests.reputation.imports.import_data import audit_events, confirm, csv_text, stored_numbers

pytestmark = pytest.mark.django_db

State = NumberImport.State


class TestConfirm:
    def test_adds_changes_and_restores_numbers(self, create_import, account, actor, now):
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
        assert confirm(batch, Context(actor, now))
        assert (batch.state, batch.added, batch.changed, batch.restored, batch.skipped) == ("done", 1, 1, 1, 0)
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

    def test_every_change_is_in_the_audit_trail_with_actor_and_reason(self, create_import, account, actor, now):
        CampaignFactory(account=account, name="Spring")
        gone = PhoneNumberFactory(account=account, e164="+14252550144", label="Gone", removed_at=now)
        PhoneNumberFactory(account=account, e164="+12062550143", label="Old")
        batch = create_import(
            "number,label,source,campaign\n2062550143,New,byoc,Spring\n4252550144,,,\n5032550145,Third,,\n"
        )
        confirm(batch, Context(actor, now))
        assert audit_events("number.added", "number.changed", "number.campaign", "number.restored") == [
            ("number.added", "+15032550145", "", "Third"),
            ("number.changed", "+12062550143", "Old", "New"),
            ("number.changed", "+12062550143", "Native", "BYOC"),
            ("number.campaign", "+12062550143", "", "Spring"),
            ("number.restored", gone.e164, "", "Gone"),
        ]
        event = AuditEvent.objects.filter(code="number.added").get()
        assert (event.actor, event.reason, event.account) == (actor.user, "Import of numbers.csv", account)
        assert [
            code for code, *_ in audit_events("import.uploaded", "import.ready", "import.confirmed", "import.done")
        ] == [
            "import.uploaded",
            "import.ready",
            "import.confirmed",
            "import.done",
        ]

    def test_importing_the_same_file_again_changes_nothing(self, create_import, account, actor, now):
        CampaignFactory(account=account, name="Spring")
        content = "number,label,source,campaign\n2062550143,A,byoc,Spring\n(425) 255-0144,,,\n4162550144,T,,\nx,,,\n"
        confirm(create_import(content), Context(actor, now))
        before, trail = stored_numbers(account), AuditEvent.objects.filter(code__startswith="number.").count()
        again = create_import(content)
        assert (again.state, again.unchanged, again.refused, again.total_count) == (State.DONE, 3, 1, 0)
        assert stored_numbers(account) == before
        assert AuditEvent.objects.filter(code__startswith="number.").count() == trail

    def test_second_confirmation_changes_nothing(self, create_import, account, actor, now):
        batch = create_import("number\n2062550143\n")
        stale = NumberImport.objects.get(pk=batch.pk)
        assert confirm(batch, Context(actor, now))
        assert not confirm(stale, Context(actor, now))
        assert len(audit_events("number.added")) == 1
        assert stale.state == State.DONE

    def test_numbers_changed_after_the_preview_are_skipped_with_the_reason(self, create_import, account, actor, now):
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
        confirm(batch, Context(actor, now))
        assert (batch.added, batch.changed, batch.restored, batch.skipped) == (1, 1, 0, 5)
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
        assert not confirm(batch, Context(actor, now))
        assert stored_numbers(account) == {}

    def test_a_confirmed_import_cannot_be_cancelled(self, create_import, actor, now):
        batch = create_import("number\n2062550143\n")
        confirm(batch, Context(actor, now))
        assert not pipeline.cancel(batch, context=Context(actor, now))


class TestDailyLimit:
    @pytest.mark.parametrize(("daily_limit", "shown"), [(None, True), (3, True), (2, False)])
    def test_number_moved_to_another_campaign_is_subject_to_the_limit_of_that_campaign(
        self, create_import, account, actor, now, daily_limit, shown
    ):
        limited = CampaignFactory(account=account, name="Spring", daily_limit=2)
        other = CampaignFactory(account=account, name="Summer", daily_limit=daily_limit)
        PhoneNumberFactory(account=account, e164="+12062550143", campaign=limited)

        def asked(campaign: Campaign) -> str | None:
            by = {"account_id": account.pk, "campaign_id": campaign.pk}
            return match(**by, called_number="+12063550199", now=now).caller_id

        assert [asked(limited) for _ in range(3)] == ["+12062550143", "+12062550143", None]
        confirm(create_import("number,campaign\n2062550143,Summer\n"), Context(actor, now))
        assert asked(other) == ("+12062550143" if shown else None)


@pytest.mark.django_db(transaction=True)
@pytest.mark.usefixtures("background_only")
def test_concurrent_imports_of_the_same_numbers_add_each_number_once(create_import, account, actor, now):
    batches = [create_import(csv_text(60, label)) for label in ("A", "B")]
    for batch in batches:
        pipeline.advance(batch, now=now)
        confirm(batch, Context(actor, now))
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
    assert sum(batch.added for batch in batches) == sum(batch.skipped for batch in batches) == 60
    assert len(stored_numbers(account)) == len(audit_events("number.added")) == 60
