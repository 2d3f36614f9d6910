"""The status *labelled when last seen*: its columns, its facet and its indexes, and the numbers that already have it.

The facet is a generated column, which a database cannot alter: it is removed and added again with its indexes. On SQLite
that recreates the table without its triggers; post_migrate installs them again and counts all numbers.
"""

from datetime import timedelta

from django.db import migrations, models
from django.db.models import Exists, F, Max, OuterRef, Q, Subquery
from django.db.models.functions import Coalesce

DECISION_TIME = timedelta(days=30)


def drop_count_triggers(apps, schema_editor):
    """SQLite refuses to remove a column that a trigger names."""
    if schema_editor.connection.vendor == "sqlite":
        for name in ("number_counted", "number_counted_new", "number_counted_old", "number_uncounted"):
            schema_editor.execute(f"DROP TRIGGER IF EXISTS {name}")


def set_last_seen(apps, schema_editor):
    """Find the labels that were hidden by disabling monitoring: the last known state of their engine is *labelled*.

    A later tag, or an engine that called the number clean afterwards, ends that. So does a later check or tag of a
    number that is tagged or clean now.
    """
    PhoneNumber, Tag, Check = (apps.get_model("reputation", name) for name in ("PhoneNumber", "Tag", "Check"))
    of_engine = {"number": OuterRef("number"), "engine": OuterRef("engine")}
    later = Tag.objects.filter(**of_engine, pk__gt=OuterRef("pk"))
    seen_clean = Check.objects.filter(**of_engine, result="clean", last_at__gte=OuterRef("ended_at"))
    hidden = Tag.objects.filter(
        ~Exists(later),
        ~Exists(seen_clean),
        end_reason="not_monitored",
        engine__in_use=True,
        number__spam_status__in=("not_monitored", "unknown"),
    )
    found = Check.objects.filter(**of_engine, result="tagged", first_at__lte=OuterRef("ended_at"))
    # The numbers first: while a tag is updated, SQLite must not read the tags that decide about it.
    ended = hidden.filter(number=OuterRef("pk")).order_by().values("number").annotate(at=Max("ended_at")).values("at")
    PhoneNumber.objects.filter(pk__in=hidden.values("number")).update(decision_due_at=Subquery(ended))
    Tag.objects.filter(
        number__decision_due_at=F("ended_at"), end_reason="not_monitored", engine__in_use=True
    ).update(last_seen_at=Coalesce(Subquery(found.order_by("-last_at").values("last_at")[:1]), F("detected_at")))
    PhoneNumber.objects.filter(decision_due_at__isnull=False).update(
        spam_status="last_seen", decision_due_at=F("decision_due_at") + DECISION_TIME
    )


def forget_last_seen(apps, schema_editor):
    """Before a version that does not know the status."""
    numbers = apps.get_model("reputation", "PhoneNumber").objects.filter(spam_status="last_seen")
    numbers.filter(capability="on").update(spam_status="unknown")
    numbers.update(spam_status="not_monitored")
    drop_count_triggers(apps, schema_editor)


def digit(field, values):
    whens = (models.When(**{field: value}, then=models.Value(index)) for index, value in enumerate(values))
    return models.Case(*whens, default=models.Value(9))


STATUSES = ("failed", "tagged_again", "tagged", "in_remediation", "unknown", "clean", "not_monitored", "last_seen")
FACET = models.GeneratedField(
    expression=models.Case(
        models.When(
            removed_at__isnull=True,
            then=digit("spam_status", STATUSES) * 1000
            + digit("capability", ("failed", "off", "on", "verifying")) * 100
            + digit("source", ("native", "byoc")) * 10
            + models.Case(models.When(ever_checked=True, then=models.Value(1)), default=models.Value(0)),
        )
    ),
    output_field=models.SmallIntegerField(null=True),
    db_persist=True,
)


SKIPPED = ["tagged", "tagged_again", "in_remediation", "failed", "last_seen"]
INDEXES_TO_REPLACE = (
    "number_by_facet",
    "number_by_campaign",
    "number_by_check",
    "number_to_show",
    "number_skipped_exhausted",
)


class Migration(migrations.Migration):
    dependencies = [("reputation", "0003_calls_default_number")]

    operations = [
        migrations.RunPython(drop_count_triggers, migrations.RunPython.noop),
        *(migrations.RemoveIndex("phonenumber", name) for name in INDEXES_TO_REPLACE),
        migrations.RemoveField("phonenumber", "facet"),
        migrations.AddField("phonenumber", "decision_due_at", models.DateTimeField(editable=False, null=True)),
        migrations.AlterField(
            "phonenumber",
            "spam_status",
            models.CharField(
                choices=[
                    ("not_monitored", "Not monitored"),
                    ("unknown", "Not yet known"),
                    ("clean", "Clean"),
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
        migrations.AddField(
            "tag",
            "last_seen_at",
            models.DateTimeField(help_text="When a look-up last found it, if monitoring ended first.", null=True),
        ),
        migrations.AddField("submission", "continued_key", models.CharField(blank=True, max_length=60)),
        migrations.AlterField(
            "submission",
            "state",
            models.CharField(
                choices=[
                    ("waiting", "Not yet sent"),
                    ("submitted", "Sent"),
                    ("in_review", "In review"),
                    ("disputed", "Disputed"),
                    ("ageing", "Ends by itself"),
                    ("done", "Answered: removed"),
                    ("refused", "Refused"),
                    ("moot", "Label gone before an answer"),
                    ("withdrawing", "Being withdrawn"),
                    ("withdrawn", "Withdrawn"),
                    ("continued", "Continued in a later case"),
                ],
                default="waiting",
                max_length=12,
            ),
        ),
        migrations.AddField(
            "bulkaction",
            "reason",
            models.CharField(blank=True, help_text="Why, for the audit trail.", max_length=300),
        ),
        migrations.AlterField(
            "bulkaction",
            "action",
            models.CharField(
                choices=[
                    ("enable", "Enable spam monitoring and remediation"),
                    ("disable", "Disable spam monitoring and remediation"),
                    ("assign", "Assign to the campaign"),
                    ("unassign", "Take out of the campaign"),
                    ("release", "Use numbers again"),
                ],
                max_length=10,
            ),
        ),
        migrations.AddField("phonenumber", "facet", FACET),
        migrations.AddIndex(
            "phonenumber", models.Index(fields=["account", "facet", "e164"], name="number_by_facet")
        ),
        migrations.AddIndex(
            "phonenumber", models.Index(fields=["account", "campaign", "facet", "e164"], name="number_by_campaign")
        ),
        migrations.AddIndex(
            "phonenumber",
            models.Index(
                condition=Q(checked_at__isnull=False),
                fields=["account", "facet", "checked_at", "e164"],
                name="number_by_check",
            ),
        ),
        migrations.AddIndex(
            "phonenumber",
            models.Index(
                condition=Q(removed_at__isnull=True, exhausted_on__isnull=True) & ~Q(spam_status__in=SKIPPED),
                fields=["campaign", "e164"],
                name="number_to_show",
            ),
        ),
        migrations.AddIndex(
            "phonenumber",
            models.Index(
                condition=Q(removed_at__isnull=True, exhausted_on__isnull=False) & ~Q(spam_status__in=SKIPPED),
                fields=["campaign", "e164"],
                name="number_skipped_exhausted",
            ),
        ),
        migrations.AddIndex(
            "phonenumber",
            models.Index(
                condition=Q(removed_at__isnull=True, spam_status="last_seen"),
                fields=["campaign", "e164"],
                name="number_skipped_last_seen",
            ),
        ),
        migrations.AddIndex(
            "phonenumber",
            models.Index(
                condition=Q(removed_at__isnull=True, decision_due_at__isnull=False),
                fields=["account", "decision_due_at"],
                name="number_last_seen",
            ),
        ),
        migrations.RunPython(set_last_seen, forget_last_seen),
    ]
