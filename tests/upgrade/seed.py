"""Put an account with its numbers into an empty portal, with the code in the working directory.

Prints a JSON object: a member's e-mail address and password, an API key, and the id of a campaign.
"""

from __future__ import annotations

import json
import os
import sys

import django

PASSWORD = "a portal that runs on 2026"
# A bulk action for more than 1,000 numbers is applied by the workers.
NUMBERS = 1_050


def main() -> None:
    sys.path.insert(0, os.getcwd())
    django.setup()
    from django.utils import timezone

    from portal.accounts.api_keys import create_api_key
    from portal.audit import Context
    from portal.models import Product
    from tests import factories

    account = factories.AccountFactory(name="Cascade Solar LLC")
    member = factories.MemberFactory(account=account, user=factories.UserFactory(password=PASSWORD))
    factories.ApplicationFactory(account=account)
    for product in (Product.CONTACT_CENTER_ELITE, Product.MONITORING_SKU):
        factories.LicenceFactory(account=account, product=product, seats=100_000)
    campaign = factories.CampaignFactory(account=account, name="Outbound")
    factories.PhoneNumberFactory.create_batch(NUMBERS, account=account, campaign=campaign)
    context = Context.system(timezone.now())
    scopes = ("read", "write", "match")
    _, token = create_api_key(account=account, name="dialer", scopes=scopes, expires_at=None, context=context)
    seeded = {"email": member.user.email, "password": PASSWORD, "token": token, "campaign_id": campaign.pk}
    sys.stdout.write(json.dumps(seeded))


if __name__ == "__main__":
    main()
