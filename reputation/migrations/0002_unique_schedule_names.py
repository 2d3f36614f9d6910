"""Schedules are made at every start, by any number of processes: only the database can see to it that each is one.

django-q2 looks first and writes then; eight starts at once left eight rows of one name.
"""

from django.db import migrations


class Migration(migrations.Migration):
    dependencies = [
        ("reputation", "0001_initial"),
        ("django_q", "0019_alter_task_options_alter_ormq_key_alter_ormq_lock_and_more"),
    ]

    operations = [
        migrations.RunSQL(
            "DELETE FROM django_q_schedule WHERE name IS NOT NULL"
            " AND id NOT IN (SELECT MIN(id) FROM django_q_schedule GROUP BY name)",
            migrations.RunSQL.noop,
        ),
        migrations.RunSQL(
            "CREATE UNIQUE INDEX reputation_schedule_name ON django_q_schedule (name)",
            "DROP INDEX reputation_schedule_name",
        ),
    ]
