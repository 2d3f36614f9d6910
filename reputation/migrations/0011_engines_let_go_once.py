from django.db import migrations, models


class Migration(migrations.Migration):

    dependencies = [
        ('reputation', '0010_import_rows_without_number'),
    ]

    operations = [
        migrations.AddField(
            model_name='engine',
            name='to_let_go',
            field=models.BooleanField(default=False, help_text='Out of use, and what it said of some numbers is still taken for current.'),
        ),
        migrations.RunSQL('UPDATE reputation_engine SET to_let_go = true WHERE NOT in_use', migrations.RunSQL.noop),
    ]
