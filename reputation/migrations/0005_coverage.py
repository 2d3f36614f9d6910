import django.db.models.deletion
from django.db import migrations, models


class Migration(migrations.Migration):
    dependencies = [
        ("portal", "0003_licence_warnings"),
        ("reputation", "0004_last_seen_label"),
    ]

    operations = [
        migrations.AddField(
            model_name="bulkaction",
            name="ended_count",
            field=models.PositiveIntegerField(default=0, help_text="For how many numbers monitoring ended."),
        ),
        migrations.AddField(
            model_name="bulkaction",
            name="max_ending",
            field=models.PositiveIntegerField(default=0, help_text="For how many numbers monitoring may end."),
        ),
        migrations.CreateModel(
            name="CoverageLoss",
            fields=[
                ("id", models.BigAutoField(auto_created=True, primary_key=True, serialize=False, verbose_name="ID")),
                ("lease_until", models.DateTimeField(editable=False, null=True)),
                ("lease_token", models.CharField(blank=True, editable=False, max_length=32)),
                ("created_at", models.DateTimeField()),
                ("cause", models.CharField(max_length=300)),
                (
                    "is_expiry",
                    models.BooleanField(help_text="Licences expired. Otherwise staff changed them."),
                ),
                (
                    "campaigns_were_included",
                    models.BooleanField(help_text="Numbers in campaigns needed no seat until then."),
                ),
                (
                    "ended_count",
                    models.PositiveIntegerField(default=0, help_text="For how many numbers monitoring ended."),
                ),
                (
                    "last_event_id",
                    models.BigIntegerField(default=0, help_text="The account's newest audit event before it began."),
                ),
                (
                    "campaign_names",
                    models.JSONField(default=list, help_text="Campaigns that have no caller ID afterwards."),
                ),
                ("finished_at", models.DateTimeField(null=True)),
                ("mail_due_at", models.DateTimeField(null=True)),
                ("mail_attempts", models.PositiveSmallIntegerField(default=0)),
                (
                    "account",
                    models.ForeignKey(
                        on_delete=django.db.models.deletion.CASCADE, related_name="+", to="portal.account"
                    ),
                ),
            ],
            options={
                "indexes": [
                    models.Index(
                        condition=models.Q(("mail_due_at__isnull", False)),
                        fields=["mail_due_at"],
                        name="coverage_loss_mail_due",
                    )
                ],
                "constraints": [
                    models.UniqueConstraint(
                        condition=models.Q(("finished_at__isnull", True)),
                        fields=("account",),
                        name="coverage_loss_once_at_a_time",
                    )
                ],
            },
        ),
    ]
