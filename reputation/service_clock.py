"""The service's clock: a day lasts settings.SERVICE_DAY. Only the demo may shorten it."""

from datetime import timedelta

from django.conf import settings


def days(number: float) -> timedelta:
    """The duration of `number` days of the service's clock."""
    return settings.SERVICE_DAY * number
