"""The enrollment and its seats."""

import pytest

from portal.accounts.licensing import Product
from tests.factories import (
    LicenceFactory,
)
from tests.reputation.api.helpers import get_json

pytestmark = pytest.mark.django_db


def test_enrollment_without_an_application_has_state_none(api_client, account, api_client_for):
    assert get_json(api_client, "/enrollment")["state"] == "none"
    assert get_json(api_client, "/enrollment")["is_approved"] is False


def test_approved_enrollment_is_returned_with_its_free_seats(api_client, enrolled_account):
    LicenceFactory(account=enrolled_account, product=Product.MONITORING_SKU, seats=7)
    said = get_json(api_client, "/enrollment")
    assert (said["state"], said["is_approved"], said["seats"]["free"]) == ("approved", True, 7)
