"""The tables of an empty database at once. The steps that it replaces are for databases that took some of them."""

import django.db.models.deletion
import django.utils.timezone
import portal.models.accounts
import uuid
from django.conf import settings
from django.db import migrations, models


class Migration(migrations.Migration):

    initial = True

    replaces = [
        ('portal', '0001_initial'),
        ('portal', '0002_area_codes'),
        ('portal', '0003_licence_warnings'),
        ('portal', '0004_canary'),
        ('portal', '0007_mail_outbox'),
        ('portal', '0008_task_failures'),
        ('portal', '0009_own_installation'),
        ('portal', '0010_operations_check'),
        ('portal', '0011_metric_totals'),
    ]

    dependencies = [
        ('auth', '0012_alter_user_first_name_max_length'),
    ]

    operations = [
        migrations.CreateModel(
            name='User',
            fields=[
                ('id', models.BigAutoField(auto_created=True, primary_key=True, serialize=False, verbose_name='ID')),
                ('password', models.CharField(max_length=128, verbose_name='password')),
                ('last_login', models.DateTimeField(blank=True, null=True, verbose_name='last login')),
                ('email', portal.models.accounts.LowerCaseEmailField(error_messages={'unique': 'Somebody with this e-mail address already exists.'}, max_length=254, unique=True, verbose_name='e-mail')),
                ('name', models.CharField(blank=True, max_length=120)),
                ('staff_role', models.CharField(blank=True, choices=[('', 'None'), ('reviewer', 'Reviewer'), ('operator', 'Operator'), ('superuser', 'Superuser')], default='', help_text='Reviewers decide applications and read accounts and licences. Operators change accounts, licences and members. Superusers do both and manage users. None: no access to the administration.', max_length=10)),
                ('is_active', models.BooleanField(default=True)),
                ('date_joined', models.DateTimeField(default=django.utils.timezone.now, editable=False)),
            ],
            options={
                'abstract': False,
            },
        ),
        migrations.CreateModel(
            name='Account',
            fields=[
                ('id', models.BigAutoField(auto_created=True, primary_key=True, serialize=False, verbose_name='ID')),
                ('name', models.CharField(max_length=120)),
                ('time_zone', models.CharField(default='America/New_York', max_length=60, validators=[portal.models.accounts.validate_time_zone])),
                ('created_at', models.DateTimeField(default=django.utils.timezone.now, editable=False)),
            ],
        ),
        migrations.CreateModel(
            name='AreaCodeTable',
            fields=[
                ('id', models.BigAutoField(auto_created=True, primary_key=True, serialize=False, verbose_name='ID')),
                ('report_date', models.DateField(unique=True)),
                ('loaded_at', models.DateTimeField()),
                ('report', models.TextField()),
            ],
        ),
        migrations.CreateModel(
            name='Canary',
            fields=[
                ('name', models.CharField(max_length=100, primary_key=True, serialize=False, verbose_name='cluster')),
                ('started_at', models.DateTimeField()),
                ('checked_at', models.DateTimeField()),
                ('last_run_at', models.DateTimeField(null=True)),
                ('last_number', models.PositiveBigIntegerField(db_default=0, default=0)),
                ('replacements', models.PositiveIntegerField(db_default=0, default=0)),
                ('last_replaced_at', models.DateTimeField(null=True)),
                ('last_fault', models.CharField(blank=True, db_default='', max_length=200)),
            ],
        ),
        migrations.CreateModel(
            name='Heartbeat',
            fields=[
                ('name', models.CharField(max_length=60, primary_key=True, serialize=False)),
                ('at', models.DateTimeField()),
            ],
        ),
        migrations.CreateModel(
            name='Lease',
            fields=[
                ('lease_until', models.DateTimeField(editable=False, null=True)),
                ('lease_token', models.CharField(blank=True, editable=False, max_length=32)),
                ('name', models.CharField(max_length=60, primary_key=True, serialize=False)),
            ],
            options={
                'abstract': False,
            },
        ),
        migrations.CreateModel(
            name='MailServer',
            fields=[
                ('id', models.PositiveSmallIntegerField(default=1, primary_key=True, serialize=False)),
                ('paused_until', models.DateTimeField(null=True)),
                ('failures', models.PositiveIntegerField(default=0)),
                ('failing_since', models.DateTimeField(null=True)),
                ('error', models.TextField(blank=True)),
                ('advice', models.TextField(blank=True)),
            ],
        ),
        migrations.CreateModel(
            name='OperationsCheck',
            fields=[
                ('id', models.PositiveSmallIntegerField(primary_key=True, serialize=False)),
                ('checked_at', models.DateTimeField()),
                ('problems', models.JSONField(default=list)),
            ],
        ),
        migrations.CreateModel(
            name='MetricTotal',
            fields=[
                ('id', models.BigAutoField(auto_created=True, primary_key=True, serialize=False, verbose_name='ID')),
                ('metric', models.CharField(max_length=60)),
                ('label', models.CharField(blank=True, max_length=200)),
                ('value', models.FloatField(default=0)),
            ],
            options={
                'constraints': [models.UniqueConstraint(fields=('metric', 'label'), name='metric_total_once')],
            },
        ),
        migrations.CreateModel(
            name='OutgoingMail',
            fields=[
                ('id', models.BigAutoField(auto_created=True, primary_key=True, serialize=False, verbose_name='ID')),
                ('lease_until', models.DateTimeField(editable=False, null=True)),
                ('lease_token', models.CharField(blank=True, editable=False, max_length=32)),
                ('key', models.UUIDField(default=uuid.uuid4, editable=False, unique=True)),
                ('kind', models.CharField(max_length=40)),
                ('reference', models.CharField(blank=True, max_length=40)),
                ('recipient', models.EmailField(max_length=254)),
                ('subject', models.CharField(blank=True, max_length=250)),
                ('body', models.TextField(blank=True)),
                ('headers', models.JSONField(default=dict)),
                ('params', models.JSONField(default=dict)),
                ('state', models.CharField(choices=[('waiting', 'Waiting'), ('sent', 'Sent'), ('refused', 'Refused'), ('given_up', 'Given up')], default='waiting', max_length=10)),
                ('created_at', models.DateTimeField(default=django.utils.timezone.now)),
                ('due_at', models.DateTimeField(default=django.utils.timezone.now, verbose_name='next attempt')),
                ('attempts', models.PositiveSmallIntegerField(default=0)),
                ('last_error', models.TextField(blank=True)),
                ('ended_at', models.DateTimeField(null=True, verbose_name='sent or ended')),
            ],
            options={
                'verbose_name': 'outgoing mail',
                'indexes': [models.Index(condition=models.Q(('state', 'waiting')), fields=['due_at'], name='outgoing_mail_due'), models.Index(condition=models.Q(('ended_at__isnull', False)), fields=['ended_at'], name='outgoing_mail_ended'), models.Index(fields=['kind', 'reference'], name='outgoing_mail_about')],
            },
        ),
        migrations.CreateModel(
            name='TaskFailure',
            fields=[
                ('id', models.BigAutoField(auto_created=True, primary_key=True, serialize=False, verbose_name='ID')),
                ('fingerprint', models.CharField(editable=False, max_length=64, unique=True)),
                ('task', models.CharField(max_length=200)),
                ('arguments', models.CharField(blank=True, max_length=500)),
                ('exception', models.CharField(help_text="The exception's class.", max_length=200)),
                ('place', models.CharField(help_text="The innermost line of the portal's own code.", max_length=300)),
                ('message', models.CharField(blank=True, max_length=1000)),
                ('traceback', models.TextField(blank=True)),
                ('count', models.PositiveIntegerField(default=0)),
                ('first_at', models.DateTimeField()),
                ('last_at', models.DateTimeField()),
                ('ended_at', models.DateTimeField(blank=True, null=True)),
                ('seen_at', models.DateTimeField(blank=True, help_text='When an operator marked it as seen.', null=True)),
            ],
            options={
                'verbose_name': 'failed task',
                'verbose_name_plural': 'operations',
                'indexes': [models.Index(condition=models.Q(('ended_at__isnull', True)), fields=['task'], name='task_failure_open'), models.Index(fields=['last_at'], name='task_failure_last_at')],
            },
        ),
        migrations.CreateModel(
            name='ApiKey',
            fields=[
                ('id', models.BigAutoField(auto_created=True, primary_key=True, serialize=False, verbose_name='ID')),
                ('name', models.CharField(max_length=80)),
                ('prefix', models.CharField(help_text='The part of the token by which the key is looked up.', max_length=12, unique=True)),
                ('secret_hash', models.CharField(help_text='SHA-256 of the secret, as hex.', max_length=64)),
                ('scopes', models.CharField(help_text='Space-separated codes from roles.API_SCOPES.', max_length=80)),
                ('created_at', models.DateTimeField(default=django.utils.timezone.now)),
                ('expires_at', models.DateTimeField(null=True)),
                ('revoked_at', models.DateTimeField(null=True)),
                ('last_used_at', models.DateTimeField(null=True)),
                ('account', models.ForeignKey(on_delete=django.db.models.deletion.CASCADE, related_name='api_keys', to='portal.account')),
                ('created_by', models.ForeignKey(null=True, on_delete=django.db.models.deletion.SET_NULL, related_name='+', to=settings.AUTH_USER_MODEL)),
            ],
        ),
        migrations.CreateModel(
            name='WebhookEndpoint',
            fields=[
                ('id', models.BigAutoField(auto_created=True, primary_key=True, serialize=False, verbose_name='ID')),
                ('lease_until', models.DateTimeField(editable=False, null=True)),
                ('lease_token', models.CharField(blank=True, editable=False, max_length=32)),
                ('url', models.CharField(max_length=500, verbose_name='address')),
                ('description', models.CharField(blank=True, max_length=80)),
                ('event_types', models.CharField(help_text='Space-separated types from portal.webhooks.events.EVENT_TYPES.', max_length=300)),
                ('secret', models.CharField(max_length=80)),
                ('previous_secret', models.CharField(blank=True, max_length=80)),
                ('previous_secret_expires_at', models.DateTimeField(null=True)),
                ('state', models.CharField(choices=[('active', 'Active'), ('paused', 'Paused')], default='active', max_length=10)),
                ('state_since', models.DateTimeField()),
                ('pause_reason', models.CharField(blank=True, max_length=300)),
                ('created_at', models.DateTimeField()),
                ('consecutive_failures', models.PositiveSmallIntegerField(default=0)),
                ('failing_since', models.DateTimeField(null=True)),
                ('backoff_until', models.DateTimeField(null=True)),
                ('last_sent_at', models.DateTimeField(null=True)),
                ('last_summary', models.CharField(blank=True, max_length=300)),
                ('mail_due_at', models.DateTimeField(null=True)),
                ('mail_attempts', models.PositiveSmallIntegerField(default=0)),
                ('account', models.ForeignKey(on_delete=django.db.models.deletion.CASCADE, related_name='webhook_endpoints', to='portal.account')),
                ('created_by', models.ForeignKey(null=True, on_delete=django.db.models.deletion.SET_NULL, related_name='+', to=settings.AUTH_USER_MODEL)),
            ],
            options={
                'indexes': [models.Index(condition=models.Q(('mail_due_at__isnull', False)), fields=['mail_due_at'], name='webhook_mail_due')],
            },
        ),
        migrations.CreateModel(
            name='WebhookMessage',
            fields=[
                ('id', models.BigAutoField(auto_created=True, primary_key=True, serialize=False, verbose_name='ID')),
                ('type', models.CharField(max_length=30)),
                ('at', models.DateTimeField()),
                ('ordering_key', models.BigIntegerField(null=True)),
                ('batch', models.CharField(db_index=True, max_length=16)),
                ('payload', models.TextField()),
                ('account', models.ForeignKey(on_delete=django.db.models.deletion.CASCADE, related_name='+', to='portal.account')),
            ],
        ),
        migrations.CreateModel(
            name='Licence',
            fields=[
                ('id', models.BigAutoField(auto_created=True, primary_key=True, serialize=False, verbose_name='ID')),
                ('lease_until', models.DateTimeField(editable=False, null=True)),
                ('lease_token', models.CharField(blank=True, editable=False, max_length=32)),
                ('product', models.CharField(choices=[('contact_center_premium', 'Contact Center Premium'), ('contact_center_elite', 'Contact Center Elite'), ('phone_pro', 'Phone Pro'), ('phone_calling_plan', 'Phone calling plan'), ('workplace_with_phone', 'Workplace bundle with Phone'), ('auto_dialer', 'Auto Dialer add-on for Phone'), ('monitoring_sku', 'Spam Monitoring and Remediation'), ('own_installation', 'Own installation')], max_length=40)),
                ('seats', models.PositiveIntegerField(default=1, help_text='For the SKU: how many numbers it covers.')),
                ('valid_from', models.DateField(default=portal.models.accounts.get_default_valid_from, verbose_name='from')),
                ('valid_until', models.DateField(blank=True, help_text='The last day; empty: without end.', null=True, verbose_name='until')),
                ('warned_days', models.PositiveSmallIntegerField(editable=False, null=True)),
                ('warned_for', models.DateField(editable=False, null=True)),
                ('mail_due_at', models.DateTimeField(editable=False, null=True)),
                ('mail_attempts', models.PositiveSmallIntegerField(default=0, editable=False)),
                ('account', models.ForeignKey(on_delete=django.db.models.deletion.CASCADE, related_name='licences', to='portal.account')),
            ],
            options={
                'ordering': ['account', 'product', 'valid_from'],
                'indexes': [models.Index(condition=models.Q(('valid_until__isnull', False)), fields=['valid_until'], name='licence_ending'), models.Index(condition=models.Q(('mail_due_at__isnull', False)), fields=['mail_due_at'], name='licence_mail_due')],
                'constraints': [models.CheckConstraint(condition=models.Q(('valid_until__isnull', True), ('valid_until__gte', models.F('valid_from')), _connector='OR'), name='licence_ends_after_it_begins', violation_error_message='A licence cannot end before it begins.')],
            },
        ),
        migrations.CreateModel(
            name='Member',
            fields=[
                ('id', models.BigAutoField(auto_created=True, primary_key=True, serialize=False, verbose_name='ID')),
                ('lease_until', models.DateTimeField(editable=False, null=True)),
                ('lease_token', models.CharField(blank=True, editable=False, max_length=32)),
                ('role', models.CharField(choices=[('owner', 'Owner'), ('admin', 'Admin'), ('viewer', 'Viewer')], default='viewer', max_length=10)),
                ('digest', models.CharField(choices=[('at_once', 'At once'), ('daily', 'Once a day'), ('never', 'Never')], default='daily', max_length=10, verbose_name='mail about spam tags')),
                ('digest_sent_at', models.DateTimeField(default=django.utils.timezone.now, editable=False)),
                ('joined_at', models.DateTimeField(default=django.utils.timezone.now, editable=False)),
                ('account', models.ForeignKey(db_index=False, on_delete=django.db.models.deletion.CASCADE, related_name='members', to='portal.account')),
                ('user', models.ForeignKey(on_delete=django.db.models.deletion.CASCADE, related_name='memberships', to=settings.AUTH_USER_MODEL)),
            ],
            options={
                'constraints': [models.UniqueConstraint(fields=('account', 'user'), name='member_once_in_account')],
            },
        ),
        migrations.CreateModel(
            name='WebhookDelivery',
            fields=[
                ('id', models.BigAutoField(auto_created=True, primary_key=True, serialize=False, verbose_name='ID')),
                ('lease_until', models.DateTimeField(editable=False, null=True)),
                ('lease_token', models.CharField(blank=True, editable=False, max_length=32)),
                ('ordering_key', models.BigIntegerField(null=True)),
                ('is_manual', models.BooleanField(default=False)),
                ('state', models.CharField(choices=[('pending', 'Pending'), ('delivered', 'Delivered'), ('failed', 'Failed')], default='pending', max_length=10)),
                ('created_at', models.DateTimeField()),
                ('ended_at', models.DateTimeField(null=True)),
                ('last_summary', models.CharField(blank=True, max_length=300)),
                ('next_action_at', models.DateTimeField(null=True)),
                ('attempts', models.PositiveSmallIntegerField(default=0)),
                ('requested_by', models.ForeignKey(db_index=False, null=True, on_delete=django.db.models.deletion.SET_NULL, related_name='+', to=settings.AUTH_USER_MODEL)),
                ('endpoint', models.ForeignKey(db_index=False, on_delete=django.db.models.deletion.CASCADE, related_name='deliveries', to='portal.webhookendpoint')),
                ('message', models.ForeignKey(on_delete=django.db.models.deletion.CASCADE, related_name='deliveries', to='portal.webhookmessage')),
            ],
            options={
                'indexes': [models.Index(fields=['endpoint', 'id'], name='delivery_by_endpoint'), models.Index(fields=['endpoint', 'state', 'id'], name='delivery_by_state'), models.Index(condition=models.Q(('state', 'pending')), fields=['endpoint', 'next_action_at', 'id'], name='delivery_due'), models.Index(condition=models.Q(('state', 'pending')), fields=['endpoint', 'ordering_key', 'id'], name='delivery_in_order'), models.Index(condition=models.Q(('ended_at__isnull', False)), fields=['ended_at'], name='delivery_prunable')],
            },
        ),
        migrations.CreateModel(
            name='ApiUsage',
            fields=[
                ('id', models.BigAutoField(auto_created=True, primary_key=True, serialize=False, verbose_name='ID')),
                ('policy', models.CharField(max_length=12)),
                ('minute', models.BigIntegerField(help_text='Minutes since the Unix epoch.')),
                ('request_count', models.BigIntegerField()),
                ('api_key', models.ForeignKey(db_index=False, on_delete=django.db.models.deletion.CASCADE, related_name='+', to='portal.apikey')),
            ],
            options={
                'constraints': [models.UniqueConstraint(fields=('api_key', 'policy'), name='api_usage_once')],
            },
        ),
        migrations.CreateModel(
            name='AuditEvent',
            fields=[
                ('id', models.BigAutoField(auto_created=True, primary_key=True, serialize=False, verbose_name='ID')),
                ('at', models.DateTimeField()),
                ('via', models.CharField(max_length=10)),
                ('code', models.CharField(max_length=40)),
                ('subject_type', models.CharField(max_length=20)),
                ('subject_id', models.BigIntegerField()),
                ('subject_label', models.CharField(blank=True, max_length=120)),
                ('before', models.CharField(blank=True, max_length=200)),
                ('after', models.CharField(blank=True, max_length=200)),
                ('reason', models.CharField(blank=True, max_length=500)),
                ('account', models.ForeignKey(db_index=False, null=True, on_delete=django.db.models.deletion.CASCADE, related_name='audit_events', to='portal.account')),
                ('actor', models.ForeignKey(null=True, on_delete=django.db.models.deletion.SET_NULL, related_name='+', to=settings.AUTH_USER_MODEL)),
                ('api_key', models.ForeignKey(db_index=False, null=True, on_delete=django.db.models.deletion.SET_NULL, related_name='+', to='portal.apikey')),
            ],
            options={
                'indexes': [models.Index(fields=['account', 'id'], name='audit_by_account'), models.Index(fields=['account', 'subject_type', 'subject_id', 'id'], name='audit_by_subject')],
            },
        ),
        migrations.CreateModel(
            name='IdempotentResponse',
            fields=[
                ('id', models.BigAutoField(auto_created=True, primary_key=True, serialize=False, verbose_name='ID')),
                ('idempotency_key', models.CharField(max_length=255)),
                ('fingerprint', models.CharField(help_text='SHA-256 of the method, path and body.', max_length=64)),
                ('started_at', models.DateTimeField()),
                ('claim_token', models.CharField(help_text='Identifies the request that is being processed.', max_length=32)),
                ('completed_at', models.DateTimeField(null=True)),
                ('status_code', models.PositiveSmallIntegerField(null=True)),
                ('headers', models.JSONField(default=dict)),
                ('body', models.TextField(blank=True)),
                ('api_key', models.ForeignKey(db_index=False, on_delete=django.db.models.deletion.CASCADE, related_name='+', to='portal.apikey')),
            ],
            options={
                'indexes': [models.Index(fields=['started_at'], name='idempotent_response_prunable')],
                'constraints': [models.UniqueConstraint(fields=('api_key', 'idempotency_key'), name='idempotent_response_once')],
            },
        ),
        migrations.CreateModel(
            name='WebhookAttempt',
            fields=[
                ('id', models.BigAutoField(auto_created=True, primary_key=True, serialize=False, verbose_name='ID')),
                ('at', models.DateTimeField()),
                ('status_code', models.PositiveSmallIntegerField(null=True)),
                ('summary', models.CharField(max_length=300)),
                ('duration_ms', models.PositiveIntegerField()),
                ('response_body', models.TextField(blank=True, help_text="The beginning of the response's body.")),
                ('delivery', models.ForeignKey(on_delete=django.db.models.deletion.CASCADE, related_name='attempt_log', to='portal.webhookdelivery')),
            ],
        ),
    ]
