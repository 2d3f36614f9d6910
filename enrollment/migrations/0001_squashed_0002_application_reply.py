"""The tables of an empty database at once. The steps that it replaces are for databases that took some of them."""

import django.db.models.deletion
import django.utils.timezone
from django.conf import settings
from django.db import migrations, models


class Migration(migrations.Migration):

    initial = True

    replaces = [
        ('enrollment', '0001_initial'),
        ('enrollment', '0002_application_reply'),
    ]

    dependencies = [
        ('portal', '0001_squashed_0011_metric_totals'),
    ]

    operations = [
        migrations.CreateModel(
            name='Application',
            fields=[
                ('id', models.BigAutoField(auto_created=True, primary_key=True, serialize=False, verbose_name='ID')),
                ('state', models.CharField(choices=[('draft', 'Draft'), ('submitted', 'Under review'), ('more_information', 'More information wanted'), ('approved', 'Approved'), ('rejected', 'Rejected'), ('revoked', 'Revoked')], default='draft', max_length=20)),
                ('state_since', models.DateTimeField(default=django.utils.timezone.now, editable=False)),
                ('created_at', models.DateTimeField(default=django.utils.timezone.now, editable=False)),
                ('business', models.JSONField(blank=True, default=dict)),
                ('answers', models.JSONField(blank=True, default=dict)),
                ('signed_by', models.CharField(blank=True, max_length=120, verbose_name='signed by')),
                ('edit_count', models.PositiveIntegerField(default=0)),
                ('edited_at', models.DateTimeField(blank=True, null=True)),
                ('revision', models.PositiveIntegerField(default=0)),
                ('snapshot', models.JSONField(blank=True, default=dict)),
                ('legal_name', models.CharField(blank=True, max_length=255, verbose_name='business')),
                ('ein', models.CharField(blank=True, max_length=10, verbose_name='EIN')),
                ('no_answer_count', models.PositiveSmallIntegerField(default=0, verbose_name='answers No')),
                ('submitted_at', models.DateTimeField(blank=True, null=True, verbose_name='sent')),
                ('reply', models.TextField(blank=True)),
                ('decided_at', models.DateTimeField(blank=True, null=True, verbose_name='decided')),
                ('reason', models.TextField(blank=True)),
                ('account', models.ForeignKey(on_delete=django.db.models.deletion.CASCADE, related_name='applications', to='portal.account')),
                ('decided_by', models.ForeignKey(blank=True, null=True, on_delete=django.db.models.deletion.SET_NULL, related_name='+', to=settings.AUTH_USER_MODEL)),
                ('edited_by', models.ForeignKey(blank=True, null=True, on_delete=django.db.models.deletion.SET_NULL, related_name='+', to=settings.AUTH_USER_MODEL)),
                ('previous', models.ForeignKey(blank=True, null=True, on_delete=django.db.models.deletion.SET_NULL, related_name='+', to='enrollment.application')),
                ('submitted_by', models.ForeignKey(blank=True, null=True, on_delete=django.db.models.deletion.SET_NULL, related_name='+', to=settings.AUTH_USER_MODEL)),
            ],
            options={
                'indexes': [models.Index(fields=['state', 'submitted_at'], name='application_queue')],
                'constraints': [models.UniqueConstraint(condition=models.Q(('state__in', ['rejected', 'revoked']), _negated=True), fields=('account',), name='application_one_at_a_time')],
            },
        ),
        migrations.CreateModel(
            name='Transition',
            fields=[
                ('id', models.BigAutoField(auto_created=True, primary_key=True, serialize=False, verbose_name='ID')),
                ('lease_until', models.DateTimeField(editable=False, null=True)),
                ('lease_token', models.CharField(blank=True, editable=False, max_length=32)),
                ('to_state', models.CharField(choices=[('draft', 'Draft'), ('submitted', 'Under review'), ('more_information', 'More information wanted'), ('approved', 'Approved'), ('rejected', 'Rejected'), ('revoked', 'Revoked')], max_length=20)),
                ('revision', models.PositiveIntegerField()),
                ('created_at', models.DateTimeField()),
                ('reason', models.TextField(blank=True)),
                ('snapshot', models.JSONField(default=dict)),
                ('mail_due_at', models.DateTimeField(null=True)),
                ('mail_attempts', models.PositiveSmallIntegerField(default=0)),
                ('mailed_at', models.DateTimeField(null=True)),
                ('application', models.ForeignKey(on_delete=django.db.models.deletion.CASCADE, related_name='transitions', to='enrollment.application')),
                ('user', models.ForeignKey(null=True, on_delete=django.db.models.deletion.SET_NULL, related_name='+', to=settings.AUTH_USER_MODEL)),
            ],
            options={
                'indexes': [models.Index(condition=models.Q(('mail_due_at__isnull', False)), fields=['mail_due_at'], name='transition_mail_due')],
            },
        ),
    ]
