"""Set the provider up and serve it on the port given."""

import os
import sys

import django
from django.core.management import call_command

from tests.support.identity_provider import CLIENT_ID, CLIENT_SECRET, PASSWORD, PEOPLE


def main() -> None:
    django.setup()
    from django.contrib.auth.models import User
    from oauth2_provider.models import Application

    call_command("migrate", verbosity=0)
    for name, email in PEOPLE.items():
        User.objects.create_user(name, email, PASSWORD)
    Application.objects.create(
        name="Portal",
        client_id=CLIENT_ID,
        client_secret=CLIENT_SECRET,
        client_type=Application.CLIENT_CONFIDENTIAL,
        authorization_grant_type=Application.GRANT_AUTHORIZATION_CODE,
        algorithm=Application.RS256_ALGORITHM,
        redirect_uris=os.environ["PROVIDER_CALLBACK"],
        skip_authorization=True,
    )
    call_command("runserver", f"127.0.0.1:{sys.argv[1]}", "--noreload", verbosity=0)


main()
