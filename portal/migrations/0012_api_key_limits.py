from datetime import timedelta

import django.db.models.deletion
from django.apps.registry import Apps
from django.conf import settings
from django.db import migrations, models
from django.db.backends.base.schema import BaseDatabaseSchemaEditor
from django.utils import timezone


def limit_keys_without_end(apps: Apps, schema_editor: BaseDatabaseSchemaEditor) -> None:
    """Keys without an end work for another year."""
    keys = apps.get_model("portal", "ApiKey").objects.filter(expires_at__isnull=True, revoked_at__isnull=True)
    keys.update(expires_at=timezone.now() + timedelta(days=365))


class Migration(migrations.Migration):
    dependencies = [
        ("portal", "0011_metric_totals"),
    ]

    operations = [
        migrations.AddField(
            model_name="apikey",
            name="taken_over_by",
            field=models.ForeignKey(
                help_text="Who answers for the key in place of its maker.",
                null=True,
                on_delete=django.db.models.deletion.SET_NULL,
                related_name="+",
                to=settings.AUTH_USER_MODEL,
            ),
        ),
        migrations.AlterField(
            model_name="apikey",
            name="created_by",
            field=models.ForeignKey(
                null=True,
                on_delete=django.db.models.deletion.PROTECT,
                related_name="+",
                to=settings.AUTH_USER_MODEL,
            ),
        ),
        migrations.AddField(
            model_name="apikey",
            name="allowed_networks",
            field=models.TextField(
                blank=True, db_default="", default="", help_text="Space-separated, as 203.0.113.0/24. Empty: all."
            ),
        ),
        migrations.AddField(
            model_name="apikey",
            name="form_token",
            field=models.UUIDField(help_text="The form that made it, so that it makes one.", null=True),
        ),
        migrations.AddField(
            model_name="apikey",
            name="warned_days",
            field=models.PositiveSmallIntegerField(null=True),
        ),
        migrations.AddField(
            model_name="apikey",
            name="mail_due_at",
            field=models.DateTimeField(null=True),
        ),
        migrations.AddField(
            model_name="apikey",
            name="mail_attempts",
            field=models.PositiveSmallIntegerField(db_default=0, default=0),
        ),
        migrations.AddIndex(
            model_name="apikey",
            index=models.Index(
                condition=models.Q(("mail_due_at__isnull", False)), fields=["mail_due_at"], name="api_key_mail_due"
            ),
        ),
        migrations.AddConstraint(
            model_name="apikey",
            constraint=models.UniqueConstraint(fields=("account", "form_token"), name="api_key_once_for_form"),
        ),
        migrations.RunPython(limit_keys_without_end, migrations.RunPython.noop, elidable=True),
    ]
