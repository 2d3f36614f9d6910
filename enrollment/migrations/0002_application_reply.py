from django.db import migrations, models


class Migration(migrations.Migration):
    dependencies = [
        ("enrollment", "0001_initial"),
    ]

    operations = [
        migrations.AddField(
            model_name="application",
            name="reply",
            field=models.TextField(blank=True),
        ),
    ]
