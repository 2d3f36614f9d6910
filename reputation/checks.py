"""System checks. They stop `manage.py check`, migrate, the development server and the workers."""

from __future__ import annotations

from django.core.checks import CheckMessage, Error
from django.core.exceptions import ImproperlyConfigured

from reputation.providers.registry import get_providers


def check_providers(**kwargs: object) -> list[CheckMessage]:
    """Reports a wrong entry of PROVIDERS at the start, before a task fails on it."""
    try:
        get_providers()
    except ImproperlyConfigured as error:
        return [Error(str(error), hint="docs/providers.md says what PROVIDERS may hold.", id="reputation.E001")]
    return []
