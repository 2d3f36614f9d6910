import django.db.models.expressions
from django.db import migrations, models


class Migration(migrations.Migration):

    dependencies = [
        ('portal', '0005_fewer_indexes'),
        ('reputation', '0008_imports_stopped'),
    ]

    operations = [
        migrations.AddField(
            model_name='phonenumber',
            name='ever_checked',
            field=models.BooleanField(db_default=False, default=False, editable=False),
        ),
        migrations.RunSQL(
            'UPDATE reputation_phonenumber SET ever_checked = true WHERE checked_at IS NOT NULL', migrations.RunSQL.noop
        ),
        # A generated column cannot be altered: it is made anew, with the indexes that hold it.
        migrations.RemoveIndex(model_name='phonenumber', name='number_by_facet'),
        migrations.RemoveIndex(model_name='phonenumber', name='number_by_campaign'),
        migrations.RemoveIndex(model_name='phonenumber', name='number_by_check'),
        migrations.RemoveField(model_name='phonenumber', name='facet'),
        migrations.AddField(
            model_name='phonenumber',
            name='facet',
            field=models.GeneratedField(db_persist=True, expression=models.Case(models.When(removed_at__isnull=True, then=django.db.models.expressions.CombinedExpression(django.db.models.expressions.CombinedExpression(django.db.models.expressions.CombinedExpression(django.db.models.expressions.CombinedExpression(models.Case(models.When(spam_status='failed', then=models.Value(0)), models.When(spam_status='tagged_again', then=models.Value(1)), models.When(spam_status='tagged', then=models.Value(2)), models.When(spam_status='in_remediation', then=models.Value(3)), models.When(spam_status='unknown', then=models.Value(4)), models.When(spam_status='clean', then=models.Value(5)), models.When(spam_status='not_monitored', then=models.Value(6)), default=models.Value(9)), '*', models.Value(1000)), '+', django.db.models.expressions.CombinedExpression(models.Case(models.When(capability='failed', then=models.Value(0)), models.When(capability='off', then=models.Value(1)), models.When(capability='on', then=models.Value(2)), models.When(capability='verifying', then=models.Value(3)), default=models.Value(9)), '*', models.Value(100))), '+', django.db.models.expressions.CombinedExpression(models.Case(models.When(source='native', then=models.Value(0)), models.When(source='byoc', then=models.Value(1)), default=models.Value(9)), '*', models.Value(10))), '+', models.Case(models.When(ever_checked=True, then=models.Value(1)), default=models.Value(0))))), output_field=models.SmallIntegerField(null=True)),
        ),
        migrations.AddIndex(
            model_name='phonenumber',
            index=models.Index(fields=['account', 'facet', 'e164'], name='number_by_facet'),
        ),
        migrations.AddIndex(
            model_name='phonenumber',
            index=models.Index(fields=['account', 'campaign', 'facet', 'e164'], name='number_by_campaign'),
        ),
        migrations.AddIndex(
            model_name='phonenumber',
            index=models.Index(condition=models.Q(('checked_at__isnull', False)), fields=['account', 'facet', 'checked_at', 'e164'], name='number_by_check'),
        ),
        migrations.AddConstraint(
            model_name='phonenumber',
            constraint=models.CheckConstraint(condition=models.Q(models.Q(('checked_at__isnull', False), ('ever_checked', True)), models.Q(('checked_at__isnull', True), ('ever_checked', False)), _connector='OR'), name='number_ever_checked'),
        ),
    ]
