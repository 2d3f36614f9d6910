from django.db import migrations, models


class Migration(migrations.Migration):
    dependencies = [
        ("reputation", "0002_longer_kinds_and_searches"),
    ]

    operations = [
        migrations.AddField(
            model_name="campaigncalls",
            name="default_e164",
            field=models.CharField(blank=True, db_default="", default="", max_length=16),
        ),
        migrations.RemoveConstraint(
            model_name="campaigncalls",
            name="campaign_calls_once_a_day",
        ),
        migrations.AddConstraint(
            model_name="campaigncalls",
            constraint=models.UniqueConstraint(
                fields=("campaign", "day", "basis", "skipped_tagged", "default_e164"),
                name="campaign_calls_once_a_day",
            ),
        ),
    ]
