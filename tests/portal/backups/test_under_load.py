"""A backup that is made while processes write rows, upload files and delete them is consistent."""

from __future__ import annotations

import json

import pytest

from tests.portal.backups.portals import Portal
from tests.support.databases import empty_database
from tests.support.waiting import wait_until

pytestmark = pytest.mark.xdist_group("backups")

# Accounts and campaigns change in pairs, in one transaction. Each photo is deleted soon after it was uploaded; imports
# are received, and cancelled, which deletes their files.
WRITE = """
import sys
from io import BytesIO
from django.core.files.uploadedfile import SimpleUploadedFile
from django.db import transaction
from django.utils import timezone
from PIL import Image
from portal.audit import Actor, Context
from portal.models import Account
from reputation.imports import pipeline
from reputation.models import LabelPhoto
from reputation.test_calls.cleanup import _delete_files
from reputation.test_calls.photos import store_photo
from tests.factories import AccountFactory, CampaignFactory, MemberFactory
member = MemberFactory(account=AccountFactory(name="Writer"), user__email=f"writer{sys.argv[1]}@example.com")
CampaignFactory(account=member.account)
context = Context(Actor(user=member.user, via="web"), timezone.now())
picture = BytesIO()
Image.new("RGB", (300, 300), "red").save(picture, "PNG")
while True:
    with transaction.atomic():
        account = AccountFactory()
        CampaignFactory(account=account)
    for _ in range(5):
        picture.seek(0)
        store_photo(member.account, picture, now=timezone.now())
    old = list(LabelPhoto.objects.filter(account=member.account).order_by("-pk")[8:])
    with transaction.atomic():
        LabelPhoto.objects.filter(pk__in=[photo.pk for photo in old]).delete()
    _delete_files(old)
    upload = SimpleUploadedFile("numbers.csv", b"number,label\\n+12065550100,One\\n" * 50)
    batch = pipeline.receive(account=member.account, upload=upload, context=context)
    pipeline.cancel(batch, context=context)
    print("round", flush=True)
"""
CHECK = """
import json
from django.conf import settings
from portal.models import Account
from reputation.models import Campaign, LabelPhoto, NumberImport
photos = [settings.MEDIA_ROOT / name for name in LabelPhoto.objects.values_list("file", flat=True)]
waiting = NumberImport.objects.unconfirmed()
lists = [settings.MEDIA_ROOT / name for names in waiting.values_list("file", "table_file") for name in names if name]
print(json.dumps({
    "accounts": Account.objects.count(),
    "campaigns": Campaign.objects.count(),
    "photos": len(photos),
    "broken": [str(path) for path in photos if not path.exists() or path.read_bytes()[-2:] != bytes((0xff, 0xd9))],
    "missing": [str(path) for path in lists if not path.exists()],
}))
"""


@pytest.fixture
def busy_portal(portal, backup, tmp_path):
    """A portal of its own in which two processes write."""
    folder = tmp_path / "busy"
    folder.mkdir()
    with empty_database(folder) as address:
        busy = Portal(folder, address)
        busy.manage_well("restore", backup)
        # The accounts go with their events, which SQLite refuses as long as the triggers are there.
        busy.run("from portal.audit import protection; protection.remove_triggers()")
        busy.run("from portal.models import Account; Account.objects.all().delete()")
        logs = [tmp_path / f"writer{number}.log" for number in range(2)]
        writers = [busy.start(WRITE, number, log=log) for number, log in enumerate(logs)]
        try:
            wait_until(lambda: all(log.exists() and "round" in log.read_text() for log in logs))
            yield busy
            assert [writer.poll() for writer in writers] == [None, None], [log.read_text() for log in logs]
        finally:
            for writer in writers:
                writer.kill()
                writer.wait()


def test_every_backup_under_load_is_consistent(busy_portal, empty_portal, tmp_path):
    accounts = 0
    for number in range(3):
        archive = tmp_path / f"{number}.tar.gz"
        busy_portal.manage_well("backup", archive)
        empty_portal.manage_well("restore", archive, *(["--replace"] if number else []))
        found = json.loads(empty_portal.run(CHECK))
        assert found["accounts"] == found["campaigns"] > accounts
        assert found["photos"] > 0
        assert (found["broken"], found["missing"]) == ([], [])
        accounts = found["accounts"]
