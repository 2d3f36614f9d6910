"""What `manage.py check`, migrate, the server of development and the workers refuse to start with."""

from __future__ import annotations

from django.core.checks import CheckMessage, Error
from django.core.exceptions import ImproperlyConfigured

from reputation.providers.registry import providers


def providers_can_be_made(**about: object) -> list[CheckMessage]:
    """A wrong name in PROVIDERS is said at the start, not by the first task that needs one."""
    try:
        providers()
    except ImproperlyConfigured as error:
        return [Error(str(error), hint="docs/providers.md says what PROVIDERS may hold.", id="reputation.E001")]
    return []
