"""Observations say more than *tagged* or *clean*: verdict, evidence, carrier and effect, and the status *at risk*.

Complaints no longer tag a number, they put it at risk. Their checks are rewritten here. Their tags and cases are ended
by the next hourly task (`retire_engines`), in chunks and with audit events.

The facet is a generated column, which a database cannot alter: see 0004_last_seen_label.
"""

import importlib
from datetime import timedelta

import django.db.models.deletion
import django.utils.timezone
from django.db import migrations, models
from django.db.models import F, Q
from django.utils import timezone

earlier = importlib.import_module("reputation.migrations.0004_last_seen_label")

RISK_TIME = timedelta(days=30)
STATUSES = (*earlier.STATUSES, "at_risk")
FACET = models.GeneratedField(
    expression=models.Case(
        models.When(
            removed_at__isnull=True,
            then=earlier.digit("spam_status", STATUSES) * 1000
            + earlier.digit("capability", ("failed", "off", "on", "verifying")) * 100
            + earlier.digit("source", ("native", "byoc")) * 10
            + models.Case(models.When(ever_checked=True, then=models.Value(1)), default=models.Value(0)),
        )
    ),
    output_field=models.SmallIntegerField(null=True),
    db_persist=True,
)
FACET_INDEXES = (
    models.Index(fields=["account", "facet", "e164"], name="number_by_facet"),
    models.Index(fields=["account", "campaign", "facet", "e164"], name="number_by_campaign"),
    models.Index(
        fields=["account", "facet", "checked_at", "e164"],
        name="number_by_check",
        condition=Q(checked_at__isnull=False),
    ),
)
EVIDENCE = models.CharField(
    choices=[
        ("engine_data", "Engine's own data"),
        ("handset", "Seen on a telephone"),
        ("network_block", "Blocked by a network"),
        ("complaints", "Complaints"),
        ("app_list", "A telephone app's list"),
    ],
    default="engine_data",
    max_length=15,
)


def convert_checks(apps, schema_editor):
    """Give the stored checks their verdict, effect and provider. A former *tagged* check has the verdict *labelled*."""
    Check, Engine = apps.get_model("reputation", "Check"), apps.get_model("reputation", "Engine")
    for engine in Engine.objects.all():
        checks = Check.objects.filter(engine=engine)
        labelled = checks.filter(verdict="tagged")
        if engine.provider == "complaints":
            labelled.update(
                verdict="warning",
                effect="risk",
                evidence="complaints",
                provider="complaints",
                valid_until=F("last_at") + RISK_TIME,
            )
            checks.filter(verdict="clean").update(effect="none", evidence="complaints", provider="complaints")
            Engine.objects.filter(pk=engine.pk).update(needs_retirement=True)
            continue
        labelled.update(verdict="labelled", effect="tags")
        checks.update(provider=engine.provider)


def convert_carriers(apps, schema_editor):
    """Move the carriers that operators may have entered into their own table."""
    CarrierEngine, Engine = apps.get_model("reputation", "CarrierEngine"), apps.get_model("reputation", "Engine")
    today = timezone.now().date()
    CarrierEngine.objects.bulk_create(
        [
            CarrierEngine(carrier=carrier.strip()[:60], engine=engine, source=f"Stored for {engine.name}", read_on=today)
            for engine in Engine.objects.exclude(carriers="")
            for carrier in engine.carriers.split(",")
            if carrier.strip()
        ],
        ignore_conflicts=True,
    )


def convert_back(apps, schema_editor):
    Check = apps.get_model("reputation", "Check")
    Check.objects.filter(verdict__in=("labelled", "blocked", "warning")).update(verdict="tagged")
    Check.objects.exclude(verdict="tagged").update(verdict="clean")
    numbers = apps.get_model("reputation", "PhoneNumber").objects
    numbers.filter(spam_status="at_risk").update(spam_status="unknown")
    earlier.drop_count_triggers(apps, schema_editor)


class Migration(migrations.Migration):
    dependencies = [("reputation", "0006_import_columns"), ("portal", "0003_licence_warnings")]

    operations = [
        migrations.RunPython(earlier.drop_count_triggers, migrations.RunPython.noop),
        *(migrations.RemoveIndex("phonenumber", index.name) for index in FACET_INDEXES),
        migrations.RemoveField("phonenumber", "facet"),
        migrations.AddField("phonenumber", "at_risk_since", models.DateTimeField(editable=False, null=True)),
        migrations.AddField("phonenumber", "at_risk_until", models.DateTimeField(editable=False, null=True)),
        migrations.AlterField(
            "phonenumber",
            "spam_status",
            models.CharField(
                choices=[
                    ("not_monitored", "Not monitored"),
                    ("unknown", "Not yet known"),
                    ("clean", "Clean"),
                    ("at_risk", "At risk"),
                    ("tagged", "Tagged"),
                    ("tagged_again", "Tagged again"),
                    ("in_remediation", "In remediation"),
                    ("failed", "Remediation failed"),
                    ("last_seen", "Labelled when last seen"),
                ],
                default="not_monitored",
                editable=False,
                max_length=15,
            ),
        ),
        migrations.AddField("phonenumber", "facet", FACET),
        *(migrations.AddIndex("phonenumber", index) for index in FACET_INDEXES),
        migrations.AddIndex(
            "phonenumber",
            models.Index(condition=Q(at_risk_until__isnull=False), fields=["at_risk_until"], name="number_risk_ends"),
        ),
        migrations.AddIndex(
            "phonenumber",
            models.Index(
                condition=Q(at_risk_since__isnull=False), fields=["account", "at_risk_since"], name="number_at_risk"
            ),
        ),
        migrations.DeleteModel("CircuitBreaker"),
        migrations.CreateModel(
            name="Connection",
            fields=[
                ("id", models.BigAutoField(auto_created=True, primary_key=True, serialize=False, verbose_name="ID")),
                ("provider", models.CharField(max_length=40)),
                (
                    "settings",
                    models.JSONField(blank=True, default=dict, help_text="What the provider needs to know, by name."),
                ),
                ("is_active", models.BooleanField(default=True)),
                ("created_at", models.DateTimeField(default=django.utils.timezone.now, editable=False)),
                (
                    "account",
                    models.ForeignKey(
                        blank=True,
                        help_text="Empty: the operator's.",
                        null=True,
                        on_delete=django.db.models.deletion.CASCADE,
                        related_name="+",
                        to="portal.account",
                    ),
                ),
            ],
            options={
                "ordering": ["provider", "pk"],
                "constraints": [
                    models.UniqueConstraint(fields=("provider", "account"), name="connection_once_in_account"),
                    models.UniqueConstraint(
                        condition=Q(account__isnull=True), fields=("provider",), name="connection_once_of_operator"
                    ),
                ],
            },
        ),
        migrations.CreateModel(
            name="CircuitBreaker",
            fields=[
                ("id", models.BigAutoField(auto_created=True, primary_key=True, serialize=False, verbose_name="ID")),
                ("operation", models.CharField(max_length=10)),
                ("failures", models.PositiveSmallIntegerField(default=1, help_text="Consecutive failures.")),
                ("opened_at", models.DateTimeField()),
                ("retry_at", models.DateTimeField()),
                ("reason", models.CharField(blank=True, max_length=300)),
                (
                    "connection",
                    models.ForeignKey(
                        db_index=False,
                        on_delete=django.db.models.deletion.CASCADE,
                        related_name="circuit_breakers",
                        to="reputation.connection",
                    ),
                ),
            ],
            options={
                "constraints": [models.UniqueConstraint(fields=("connection", "operation"), name="outage_once")],
            },
        ),
        migrations.CreateModel(
            name="EngineRole",
            fields=[
                ("id", models.BigAutoField(auto_created=True, primary_key=True, serialize=False, verbose_name="ID")),
                ("provider", models.CharField(max_length=40)),
                (
                    "role",
                    models.CharField(
                        choices=[("look_up", "Looks up"), ("register", "Registers"), ("remediate", "Remediates")],
                        max_length=10,
                    ),
                ),
                (
                    "evidence",
                    models.CharField(
                        blank=True, help_text="What the provider's look-ups are based on.", max_length=15
                    ),
                ),
                (
                    "engine",
                    models.ForeignKey(
                        db_index=False,
                        on_delete=django.db.models.deletion.CASCADE,
                        related_name="roles",
                        to="reputation.engine",
                    ),
                ),
            ],
            options={
                "ordering": ["engine", "role", "provider"],
                "constraints": [
                    models.UniqueConstraint(fields=("engine", "provider", "role"), name="engine_role_once"),
                    models.UniqueConstraint(
                        condition=models.Q(("role", "look_up"), _negated=True),
                        fields=("engine", "role"),
                        name="engine_role_one_provider",
                    ),
                ],
            },
        ),
        migrations.CreateModel(
            name="CarrierEngine",
            fields=[
                ("id", models.BigAutoField(auto_created=True, primary_key=True, serialize=False, verbose_name="ID")),
                ("carrier", models.CharField(max_length=60)),
                (
                    "device",
                    models.CharField(blank=True, help_text="The make, if the engine serves only that.", max_length=60),
                ),
                ("source", models.CharField(help_text="Where this was read.", max_length=300)),
                ("read_on", models.DateField()),
                (
                    "engine",
                    models.ForeignKey(
                        on_delete=django.db.models.deletion.CASCADE,
                        related_name="served_carriers",
                        to="reputation.engine",
                    ),
                ),
            ],
            options={
                "ordering": ["carrier", "device"],
                "constraints": [models.UniqueConstraint(fields=("carrier", "device"), name="carrier_engine_once")],
            },
        ),
        migrations.RemoveConstraint("check", "check_one_current"),
        migrations.RemoveField("check", "learnt_by"),
        migrations.RenameField("check", "result", "verdict"),
        migrations.AlterField(
            "check",
            "verdict",
            models.CharField(
                choices=[
                    ("clean", "Clean"),
                    ("warning", "Warning"),
                    ("labelled", "Labelled"),
                    ("blocked", "Blocked"),
                    ("pending", "Pending"),
                    ("unknown", "Unknown"),
                ],
                max_length=10,
            ),
        ),
        migrations.AddField(
            "check", "provider", models.CharField(default="", max_length=40), preserve_default=False
        ),
        migrations.AddField(
            "check",
            "carrier",
            models.CharField(blank=True, help_text="Where it was seen, if only there.", max_length=60),
        ),
        migrations.AddField(
            "check",
            "severity",
            models.CharField(blank=True, help_text="Of a label: scam, spam or category.", max_length=10),
        ),
        migrations.AddField("check", "evidence", EVIDENCE),
        migrations.AddField(
            "check",
            "effect",
            models.CharField(
                choices=[("clears", "No label"), ("risk", "At risk"), ("tags", "Tagged"), ("none", "Says nothing")],
                default="clears",
                max_length=6,
            ),
            preserve_default=False,
        ),
        migrations.AddConstraint(
            "check",
            models.UniqueConstraint(
                condition=Q(is_current=True),
                fields=("number", "engine", "provider", "carrier"),
                name="check_one_current",
            ),
        ),
        migrations.AddIndex(
            "check",
            models.Index(condition=Q(effect="risk"), fields=["number", "valid_until"], name="check_at_risk"),
        ),
        migrations.RemoveConstraint("tag", "tag_one_standing"),
        migrations.AddField(
            "tag",
            "carrier",
            models.CharField(blank=True, help_text="Whose telephones show it, if only those.", max_length=60),
        ),
        migrations.AddField(
            "tag", "severity", models.CharField(blank=True, help_text="Scam, spam or category.", max_length=10)
        ),
        migrations.AddField("tag", "evidence", EVIDENCE),
        migrations.AlterField(
            "tag",
            "end_reason",
            models.CharField(
                blank=True,
                choices=[
                    ("cleared", "Cleared"),
                    ("not_monitored", "Monitoring switched off"),
                    ("retired", "Does not count any more"),
                ],
                max_length=15,
            ),
        ),
        migrations.AlterField(
            "tag", "last_seen_at", models.DateTimeField(help_text="When it was last found.", null=True)
        ),
        migrations.AddConstraint(
            "tag",
            models.UniqueConstraint(
                condition=Q(ended_at__isnull=True), fields=("number", "engine", "carrier"), name="tag_one_standing"
            ),
        ),
        migrations.AlterField(
            "engine",
            "needs_retirement",
            models.BooleanField(
                default=False, help_text="Its tags do not count any more, but some are still marked as active."
            ),
        ),
        migrations.RunPython(convert_checks, convert_back),
        migrations.RunPython(convert_carriers, migrations.RunPython.noop),
    ]
