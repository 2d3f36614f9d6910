"""Durations of the service: a day lasts settings.SERVICE_DAY, which the demo shortens and production cannot."""

from datetime import timedelta

from django.conf import settings


def days(number: float) -> timedelta:
    """So many days of the service's clock."""
    return settings.SERVICE_DAY * number
