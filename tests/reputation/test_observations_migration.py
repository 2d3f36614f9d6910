"""The upgrade of a filled database: complaints that tagged numbers put them at risk afterwards."""

from datetime import timedelta

import pytest
from django.utils import timezone

from portal.models import AuditEvent
from reputation.models import CarrierEngine, Case, Check, NumberCount, PhoneNumber, Tag
from reputation.monitoring import retirement
from tests.support.migration_steps import stepwise_database


@pytest.fixture
def migrate(django_db_blocker, settings, tmp_path):
    """Migrates a database of its own, which has no tables yet."""
    settings.PROVIDERS = ["simulated", "complaints"]
    with django_db_blocker.unblock(), stepwise_database(tmp_path) as migrate:
        yield migrate


def test_complaints_that_tagged_numbers_put_them_at_risk_after_the_upgrade(migrate):
    apps = migrate("0006_import_columns")
    account_id = apps.get_model("portal", "Account").objects.create(name="Cascade Solar LLC").pk
    numbers = apps.get_model("reputation", "PhoneNumber").objects
    place = {"region": "US", "kind": "mobile", "area_code": "206"}
    reported, labelled, clean = (
        numbers.create(account_id=account_id, e164=f"+1206555010{n}", **place) for n in range(3)
    )
    now = timezone.now()
    old = {name: apps.get_model("reputation", name).objects for name in ("Check", "Tag", "Case", "Engine")}
    ftc = old["Engine"].create(slug="ftc-complaints", name="FTC complaints", provider="complaints", in_use=True)
    hiya = old["Engine"].create(
        slug="sim-hiya", name="Hiya", provider="simulated", in_use=True, carriers="AT&T, Example Mobile"
    )
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
        numbers.filter(pk=pk).update(capability="on", spam_status=status)

    migrate()

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
    assert Tag.objects.get(number_id=reported.pk).end_reason == "retired"
    assert Case.objects.get(number_id=reported.pk).state == "cancelled"
    assert AuditEvent.objects.filter(code="tag.unwatched").count() == 1
    after = dict(PhoneNumber.objects.values_list("pk", "spam_status"))
    assert (after[reported.pk], after[labelled.pk]) == ("at_risk", "in_remediation")
    assert Tag.objects.active().get().number_id == labelled.pk
