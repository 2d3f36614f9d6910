"""An engine has a provider for each role (EngineRole), and its carriers are in a table of their own (CarrierEngine)."""

from django.db import migrations, models


class Migration(migrations.Migration):
    dependencies = [("reputation", "0007_observations")]

    operations = [
        # With a default, so that the migration can be undone.
        migrations.AlterField("engine", "provider", models.CharField(default="", max_length=40)),
        migrations.RemoveField("engine", "provider"),
        migrations.RemoveField("engine", "carriers"),
    ]
