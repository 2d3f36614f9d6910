import datetime

from django.apps.registry import Apps
from django.db import migrations, models
from django.db.backends.base.schema import BaseDatabaseSchemaEditor
from django.utils import timezone


def leave_ended_licences(apps: Apps, schema_editor: BaseDatabaseSchemaEditor) -> None:
    """Licences that ended long ago cause no mail. Two days leave those of today to every time zone."""
    ended = apps.get_model("portal", "Licence").objects.filter(
        valid_until__lt=timezone.now().date() - datetime.timedelta(days=2)
    )
    ended.update(warned_days=0, warned_for=models.F("valid_until"))


class Migration(migrations.Migration):
    dependencies = [
        ("portal", "0002_area_codes"),
    ]

    operations = [
        migrations.AddField(
            model_name="licence",
            name="lease_until",
            field=models.DateTimeField(editable=False, null=True),
        ),
        migrations.AddField(
            model_name="licence",
            name="lease_token",
            field=models.CharField(blank=True, default="", editable=False, max_length=32),
            preserve_default=False,
        ),
        migrations.AddField(
            model_name="licence",
            name="warned_days",
            field=models.PositiveSmallIntegerField(editable=False, null=True),
        ),
        migrations.AddField(
            model_name="licence",
            name="warned_for",
            field=models.DateField(editable=False, null=True),
        ),
        migrations.AddField(
            model_name="licence",
            name="mail_due_at",
            field=models.DateTimeField(editable=False, null=True),
        ),
        migrations.AddField(
            model_name="licence",
            name="mail_attempts",
            field=models.PositiveSmallIntegerField(default=0, editable=False),
        ),
        migrations.AddIndex(
            model_name="licence",
            index=models.Index(
                condition=models.Q(("valid_until__isnull", False)), fields=["valid_until"], name="licence_ending"
            ),
        ),
        migrations.AddIndex(
            model_name="licence",
            index=models.Index(
                condition=models.Q(("mail_due_at__isnull", False)), fields=["mail_due_at"], name="licence_mail_due"
            ),
        ),
        migrations.RunPython(leave_ended_licences, migrations.RunPython.noop, elidable=True),
    ]
