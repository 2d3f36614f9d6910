"""ETag and If-Match: a change to an outdated version is refused."""

import json

import pytest
from django.utils import timezone

from reputation.models import PhoneNumber
from tests.factories import PhoneNumberFactory
from tests.portal.api.helpers import NUMBERS, assert_problem

pytestmark = pytest.mark.django_db


def test_change_with_an_outdated_etag_is_refused(api_client, account):
    number = PhoneNumberFactory(account=account, label="Old")
    path = f"{NUMBERS}/{number.pk}"
    seen = api_client.get(path).headers["ETag"]

    def change(label, version):
        return api_client.patch(
            path, json.dumps({"label": label}), content_type="application/json", headers={"If-Match": version}
        )

    changed = change("First", seen)
    assert changed.status_code == 200
    assert changed.headers["ETag"] != seen
    late = change("Second", seen)
    assert_problem(late, "changed_meanwhile")
    assert late.headers["ETag"] == changed.headers["ETag"]
    assert_problem(api_client.delete(path, headers={"If-Match": seen}), "changed_meanwhile")
    number.refresh_from_db()
    assert (number.label, number.removed_at) == ("First", None)
    assert change("Third", f'"other", {changed.headers["ETag"]}').status_code == 200
    assert change("Fourth", "*").status_code == 200


def test_look_up_does_not_change_the_etag(api_client, account):
    number = PhoneNumberFactory(account=account)
    seen = api_client.get(f"{NUMBERS}/{number.pk}").headers["ETag"]
    PhoneNumber.objects.update(spam_status=PhoneNumber.SpamStatus.CLEAN, checked_at=timezone.now(), ever_checked=True)
    assert api_client.get(f"{NUMBERS}/{number.pk}").headers["ETag"] == seen
