"""System checks. They stop `manage.py check`, migrate, the development server and the workers."""

from __future__ import annotations

from django.conf import settings
from django.core.checks import CheckMessage, Error
from django.core.exceptions import ImproperlyConfigured

from reputation.providers.registry import get_providers

SIMULATED = "simulated"


def check_providers(**kwargs: object) -> list[CheckMessage]:
    """Reports a wrong entry of PROVIDERS at the start, before a task fails on it."""
    try:
        providers = get_providers()
    except ImproperlyConfigured as error:
        return [Error(str(error), hint="docs/providers.md says what PROVIDERS may hold.", id="reputation.E001")]
    if SIMULATED in providers and len(providers) > 1 and not settings.DEMO:
        return [
            Error(
                "PROVIDERS names simulated beside other providers. Its invented labels would be shown with real ones.",
                hint="Leave simulated out, or set DEMO=1 on your own machine.",
                id="reputation.E002",
            )
        ]
    return []
