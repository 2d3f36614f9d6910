from django.apps.registry import Apps
from django.db import migrations, models
from django.db.backends.base.schema import BaseDatabaseSchemaEditor


def mark_done_lines(apps: Apps, _editor: BaseDatabaseSchemaEditor) -> None:
    """An import that is under way begins anew, in another order: what it has done already is left out."""
    for batch in apps.get_model("reputation", "NumberImport").objects.filter(state="applying"):
        done = batch.rows.filter(line__lte=batch.applied_line, outcome__in=("new", "back", "changed"))
        done.update(outcome="unchanged")


class Migration(migrations.Migration):

    dependencies = [
        ('reputation', '0011_engines_let_go_once'),
    ]

    operations = [
        migrations.AddField(
            model_name='numberimport',
            name='applied_up_to',
            field=models.CharField(blank=True, max_length=16),
        ),
        migrations.RunPython(mark_done_lines, migrations.RunPython.noop),
        migrations.RemoveField(
            model_name='numberimport',
            name='applied_line',
        ),
    ]
