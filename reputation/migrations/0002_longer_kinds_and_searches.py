from django.db import migrations, models


class Migration(migrations.Migration):

    dependencies = [
        ('reputation', '0001_initial'),
    ]

    operations = [
        migrations.AlterField(
            model_name='phonenumber',
            name='kind',
            field=models.CharField(max_length=20),
        ),
        migrations.AlterField(
            model_name='importrow',
            name='kind',
            field=models.CharField(blank=True, max_length=20),
        ),
        # A search may hold many numbers.
        migrations.AlterField(
            model_name='bulkaction',
            name='filter_query',
            field=models.TextField(blank=True, help_text="The filter's query string, if all that match are selected."),
        ),
    ]
