"""Give the events of earlier releases the identities of their actors: each person's name and address at the upgrade.

Not one transaction: a chunk of events at a time, so that no lock lasts for the whole of a long table. A second run
continues where the first one ended.
"""

import hashlib
import json
import secrets

from django.db import migrations
from django.db.models import Exists, Max, OuterRef, Subquery
from django.utils import timezone

# Events in one statement, by id.
CHUNK = 20_000


def add_identities(apps, schema_editor):
    Event, Identity, User = (apps.get_model("portal", name) for name in ("AuditEvent", "AuditIdentity", "User"))
    acted = User.objects.filter(
        Exists(Event.objects.filter(actor=OuterRef("pk"))), ~Exists(Identity.objects.filter(user=OuterRef("pk")))
    )
    now = timezone.now()
    rows = []
    for pk, name, email in acted.order_by("pk").values_list("pk", "name", "email"):
        salt = secrets.token_hex(16)
        digest = hashlib.sha256(json.dumps([salt, name, email]).encode()).hexdigest()
        rows.append(Identity(user_id=pk, name=name, email=email, salt=salt, digest=digest, created_at=now))
    Identity.objects.bulk_create(rows, batch_size=1_000, ignore_conflicts=True)


def fill_events(apps, schema_editor):
    Event, Identity = apps.get_model("portal", "AuditEvent"), apps.get_model("portal", "AuditIdentity")
    of_actor = Identity.objects.filter(user=OuterRef("actor")).order_by("pk").values("pk")[:1]
    events = Event.objects.filter(actor__isnull=False, identity__isnull=True)
    for start in range(0, Event.objects.aggregate(last=Max("pk"))["last"] or 0, CHUNK):
        events.filter(pk__gt=start, pk__lte=start + CHUNK).update(identity=Subquery(of_actor))


class Migration(migrations.Migration):
    atomic = False

    dependencies = [("portal", "0013_audit_identities")]

    operations = [
        migrations.RunPython(add_identities, migrations.RunPython.noop),
        migrations.RunPython(fill_events, migrations.RunPython.noop),
    ]
