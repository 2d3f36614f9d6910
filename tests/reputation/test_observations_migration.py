"""The upgrade of a filled database: complaints that tagged numbers put them at risk afterwards."""

from datetime import timedelta

import pytest
from django.core.management import call_command
from django.db import connection
from django.db.migrations.executor import MigrationExecutor
from django.utils import timezone

from portal.models import AuditEvent
from reputation.models import CarrierEngine, Case, Check, NumberCount, PhoneNumber, Tag
from reputation.monitoring import engines, retirement
from tests.factories import AccountFactory, PhoneNumberFactory
from tests.support.migration_steps import migration_steps

pytestmark = pytest.mark.django_db(transaction=True)

BEFORE = ("reputation", "0006_import_columns")


@pytest.fixture
def old_apps(settings):
    """The models before the migration. The fixture ends at the newest migration."""
    settings.PROVIDERS = ["simulated", "complaints"]
    engines.sync_engines()
    account = AccountFactory()
    numbers = [PhoneNumberFactory(account=account, e164=f"+1206555010{n}") for n in range(3)]
    with migration_steps():
        call_command("migrate", *BEFORE, verbosity=0)
        yield MigrationExecutor(connection).loader.project_state([BEFORE]).apps, numbers
        call_command("migrate", "reputation", verbosity=0)


def test_complaints_that_tagged_numbers_put_them_at_risk_after_the_upgrade(old_apps):
    apps, (reported, labelled, clean) = old_apps
    now = timezone.now()
    old = {name: apps.get_model("reputation", name).objects for name in ("Check", "Tag", "Case", "Engine")}
    old["Engine"].filter(slug="ftc-complaints").update(provider="complaints", in_use=True)
    old["Engine"].filter(slug="sim-hiya").update(provider="simulated", in_use=True, carriers="AT&T, Example Mobile")
    ftc, hiya = (old["Engine"].get(slug=slug) for slug in ("ftc-complaints", "sim-hiya"))
    times = {"first_at": now - timedelta(days=3), "last_at": now, "received_at": now, "valid_until": now}

    def check(number, engine, result, label=""):
        of = {"account_id": number.account_id, "number_id": number.pk, "engine": engine}
        old["Check"].create(**of, result=result, label=label, learnt_by="look-up", **times)

    def tag(number, engine):
        of = {"account_id": number.account_id, "number_id": number.pk}
        case = old["Case"].create(**of, state="in_review", state_since=now, opened_at=now, deadline_at=now)
        old["Tag"].create(**of, engine=engine, case=case, label="Reported to the FTC", detected_at=now)

    check(reported, ftc, "tagged", "Reported to the FTC")
    check(labelled, hiya, "tagged", "Spam Likely")
    check(clean, ftc, "clean")
    check(clean, hiya, "clean")
    tag(reported, ftc)
    tag(labelled, hiya)
    statuses = {reported.pk: "in_remediation", labelled.pk: "in_remediation", clean.pk: "clean"}
    for pk, status in statuses.items():
        apps.get_model("reputation", "PhoneNumber").objects.filter(pk=pk).update(capability="on", spam_status=status)

    call_command("migrate", "reputation", verbosity=0)

    stored = Check.objects.order_by("pk").values_list("provider", "verdict", "effect", "evidence")
    assert list(stored) == [
        ("complaints", "warning", "risk", "complaints"),
        ("simulated", "labelled", "tags", "engine_data"),
        ("complaints", "clean", "none", "complaints"),
        ("simulated", "clean", "clears", "engine_data"),
    ]
    assert Check.objects.order_by("pk")[0].valid_until == now + timedelta(days=30)
    assert CarrierEngine.objects.get(carrier="Example Mobile").engine.slug == "sim-hiya"
    assert NumberCount.objects.tagged().total() == 2

    while retirement.retire_engines(now):
        pass
    assert Tag.objects.get(number=reported).end_reason == "retired"
    assert Case.objects.get(number=reported).state == "cancelled"
    assert AuditEvent.objects.filter(code="tag.unwatched").count() == 1
    after = dict(PhoneNumber.objects.values_list("pk", "spam_status"))
    assert (after[reported.pk], after[labelled.pk]) == ("at_risk", "in_remediation")
    assert Tag.objects.active().get().number == labelled
