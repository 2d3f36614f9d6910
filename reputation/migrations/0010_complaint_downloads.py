"""The files that the FTC publishes, what loaded files say about themselves, and fingerprints of parsed complaints.

Fingerprints were made of the text of a row, so a row that a spreadsheet saved again counted as another complaint. They
are made again, and complaints that turn out to be the same are merged.
"""

import hashlib
import re
import uuid
from collections import defaultdict
from datetime import date, timezone
from itertools import groupby

import django.db.models.deletion
from django.db import migrations, models

from portal.db.bulk import update_rows

CHUNK = 2_000


def set_days(apps, schema_editor):
    files = apps.get_model("reputation", "ComplaintFile").objects
    for file in files.all():
        match = re.search(r"(?<!\d)\d{4}-\d{2}-\d{2}(?!\d)", file.name)
        try:
            day = date.fromisoformat(match[0]) if match else None
        except ValueError:
            continue
        files.filter(pk=file.pk).update(day=day)


def renew_fingerprints(apps, schema_editor):
    """Go through the complaints number by number, since equal ones are about the same number."""
    Complaint = apps.get_model("reputation", "Complaint")
    rows = Complaint.objects.order_by("e164", "pk").values(
        "id", "e164", "created_at", "city", "state", "area_code", "subject", "is_robocall", "file_id", "fingerprint",
        "occurrence",
    )
    last = ""
    while chunk := list(rows.filter(e164__gt=last)[:CHUNK]):
        last = chunk[-1]["e164"]
        # Complete the last number of the chunk.
        chunk += rows.filter(e164=last, id__gt=chunk[-1]["id"])
        renewed, merged = [], []
        for _, of_number in groupby(chunk, key=lambda row: row["e164"]):
            for fingerprint, equal in group_by_fingerprint(of_number).items():
                kept = count_complaints(equal)
                merged += [row["id"] for row in equal[kept:]]
                renewed += [
                    {"id": row["id"], "fingerprint": fingerprint, "occurrence": occurrence}
                    for occurrence, row in enumerate(equal[:kept])
                    if (row["fingerprint"], row["occurrence"]) != (fingerprint, occurrence)
                ]
        for start in range(0, len(merged), CHUNK):
            Complaint.objects.filter(pk__in=merged[start : start + CHUNK]).delete()
        for start in range(0, len(renewed), CHUNK):
            update_rows(Complaint, renewed[start : start + CHUNK])


def group_by_fingerprint(rows):
    groups = defaultdict(list)
    for row in rows:
        groups[make_fingerprint(row)].append(row)
    return groups


def make_fingerprint(row):
    """As reputation.complaint_rows.get_fingerprint, which may change after this migration."""
    robocall = {True: "Y", False: "N", None: ""}[row["is_robocall"]]
    created = row["created_at"].astimezone(timezone.utc).strftime("%Y-%m-%d %H:%M")
    parts = [row["e164"], created, row["city"], row["state"], row["area_code"], row["subject"], robocall]
    return uuid.UUID(bytes=hashlib.blake2b("\x1f".join(parts).encode(), digest_size=16).digest())


def count_complaints(rows):
    """How many complaints the equal rows are: as many as the file has that has most of them.

    A row that is the third of its text says that its file has three, also where the first two came with another file.
    """
    most = defaultdict(dict)
    for row in rows:
        of_file = most[row["file_id"]]
        of_file[row["fingerprint"]] = max(of_file.get(row["fingerprint"], 0), row["occurrence"] + 1)
    return min(max(sum(of_file.values()) for of_file in most.values()), len(rows))


class Migration(migrations.Migration):

    dependencies = [
        ('reputation', '0009_fcc_complaints'),
    ]

    operations = [
        migrations.CreateModel(
            name='FtcFile',
            fields=[
                ('id', models.BigAutoField(auto_created=True, primary_key=True, serialize=False, verbose_name='ID')),
                ('lease_until', models.DateTimeField(editable=False, null=True)),
                ('lease_token', models.CharField(blank=True, editable=False, max_length=32)),
                ('name', models.CharField(max_length=200, unique=True)),
                ('day', models.DateField()),
                ('url', models.CharField(max_length=500)),
                ('is_listed', models.BooleanField(default=True, help_text='By the page when it was last read.')),
                ('state', models.CharField(choices=[('waiting', 'Not fetched yet'), ('loaded', 'Loaded'), ('no_file', 'Something else than a complaint file'), ('truncated', 'Cut off'), ('missing', 'Not found'), ('failed', 'Cannot be fetched')], default='waiting', max_length=10)),
                ('problem', models.CharField(blank=True, help_text='Why it is not loaded.', max_length=300)),
                ('etag', models.CharField(blank=True, max_length=200)),
                ('last_modified', models.CharField(blank=True, max_length=200)),
                ('sha256', models.CharField(blank=True, help_text='Of the content that was fetched last.', max_length=64)),
                ('attempts', models.PositiveIntegerField(default=0)),
                ('next_action_at', models.DateTimeField(null=True)),
                ('loaded_at', models.DateTimeField(null=True)),
            ],
        ),
        migrations.CreateModel(
            name='FtcIndexPage',
            fields=[
                ('id', models.BigAutoField(auto_created=True, primary_key=True, serialize=False, verbose_name='ID')),
                ('lease_until', models.DateTimeField(editable=False, null=True)),
                ('lease_token', models.CharField(blank=True, editable=False, max_length=32)),
                ('url', models.CharField(max_length=500, unique=True)),
                ('etag', models.CharField(blank=True, max_length=200)),
                ('last_modified', models.CharField(blank=True, max_length=200)),
                ('last_read_at', models.DateTimeField(help_text='When the links were last read, or known to be the same.', null=True)),
                ('problem', models.CharField(blank=True, help_text='Why the last attempt failed.', max_length=300)),
                ('attempts', models.PositiveIntegerField(default=0, help_text='Since the page was last read.')),
                ('next_action_at', models.DateTimeField()),
                ('quiet_until', models.DateTimeField(help_text='No request to the site before: a pause, or its wish.', null=True)),
            ],
            options={
                'abstract': False,
            },
        ),
        migrations.AddField(
            model_name='complaintfile',
            name='day',
            field=models.DateField(help_text="The day in the file's name.", null=True),
        ),
        migrations.AddField(
            model_name='complaintfile',
            name='skipped',
            field=models.JSONField(default=dict, help_text='By reason: how many rows, and the first lines.'),
        ),
        migrations.AddField(
            model_name='complaintfile',
            name='skipped_count',
            field=models.PositiveIntegerField(null=True),
        ),
        migrations.AddField(
            model_name='ftcfile',
            name='complaint_file',
            field=models.ForeignKey(null=True, on_delete=django.db.models.deletion.SET_NULL, related_name='published_as', to='reputation.complaintfile'),
        ),
        migrations.RunPython(set_days, migrations.RunPython.noop),
        migrations.RunPython(renew_fingerprints, migrations.RunPython.noop),
    ]
