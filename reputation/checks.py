"""What `manage.py check`, migrate, the server of development and the workers refuse to start with."""

from __future__ import annotations

from django.core.checks import CheckMessage, Error
from django.core.exceptions import ImproperlyConfigured

from reputation.providers.registry import get_providers


def check_providers(**about: object) -> list[CheckMessage]:
    """A wrong name in PROVIDERS is said at the start, not by the first task that needs one."""
    try:
        get_providers()
    except ImproperlyConfigured as error:
        return [Error(str(error), hint="docs/providers.md says what PROVIDERS may hold.", id="reputation.E001")]
    return []
