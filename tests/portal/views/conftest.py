"""Fixtures of the webhook pages' tests."""

from tests.portal.webhooks.conftest import endpoint, receiver

__all__ = ["endpoint", "receiver"]
