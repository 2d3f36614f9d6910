from django.db import migrations, models


class Migration(migrations.Migration):

    dependencies = [
        ('reputation', '0009_ever_checked'),
    ]

    operations = [
        migrations.RemoveConstraint(
            model_name='importrow',
            name='import_number_once',
        ),
        migrations.AlterField(
            model_name='importrow',
            name='e164',
            field=models.CharField(max_length=16, null=True),
        ),
        migrations.RunSQL("UPDATE reputation_importrow SET e164 = NULL WHERE e164 = ''", migrations.RunSQL.noop),
        migrations.AddConstraint(
            model_name='importrow',
            constraint=models.UniqueConstraint(fields=('batch', 'e164'), name='import_number_once'),
        ),
    ]
