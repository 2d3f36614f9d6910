"""Pages of lists, and their cursors."""

import pytest

from portal.api.pagination import encode_cursor
from reputation.models import PhoneNumber
from tests.factories import PhoneNumberFactory
from tests.portal.api.helpers import NUMBERS, assert_problem

pytestmark = pytest.mark.django_db


def test_pages_return_each_number_once_when_others_are_deleted_meanwhile(api_client, account):
    made = [number.pk for number in PhoneNumberFactory.create_batch(7, account=account)]
    seen, params = [], {"limit": 3}
    while True:
        page = api_client.get(NUMBERS, params).json()
        seen += [one["id"] for one in page["items"]]
        if page["next_cursor"] is None:
            break
        params["cursor"] = page["next_cursor"]
        PhoneNumber.objects.filter(pk=seen[0]).delete()
    assert seen == made


@pytest.mark.parametrize(
    "text", ["nonsense", "AAAA", encode_cursor("campaigns", 5), encode_cursor("numbers", 5) + "A", "b" * 80]
)
def test_invalid_cursor_is_refused(api_client, text):
    assert_problem(api_client.get(NUMBERS, {"cursor": text}), "cursor_invalid")
