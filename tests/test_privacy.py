"""docs/privacy.md names every table that holds something about people or businesses."""

from __future__ import annotations

import re
from pathlib import Path

from django.apps import apps
from django.conf import settings

# Settings, the portal's own state, and tables of libraries that stay empty.
WITHOUT_DATA = {
    "account_emailaddress",
    "account_emailconfirmation",
    "auth_group",
    "auth_group_permissions",
    "auth_permission",
    "django_content_type",
    "portal_areacodetable",
    "portal_canary",
    "portal_heartbeat",
    "portal_lease",
    "portal_mailserver",
    "portal_metrictotal",
    "portal_operationscheck",
    "reputation_carrierengine",
    "reputation_circuitbreaker",
    "reputation_coverageloss",
    "reputation_desk",
    "reputation_desk_engines",
    "reputation_engine",
    "reputation_enginerole",
    "reputation_fccdataset",
    "reputation_ftcfile",
    "reputation_ftcindexpage",
    "reputation_shippeddesk",
    "socialaccount_socialapp",
    "socialaccount_socialtoken",
}


def test_every_table_is_named():
    document = (Path(settings.BASE_DIR) / "docs" / "privacy.md").read_text()
    tables = {model._meta.db_table for model in apps.get_models(include_auto_created=True)}
    named = set(re.findall(r"`([a-z]+_[a-z_]+)`", document)) & tables
    assert named.isdisjoint(WITHOUT_DATA)
    assert tables - WITHOUT_DATA == named
