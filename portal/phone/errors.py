"""The error that reading a number raises."""

from __future__ import annotations


class InvalidPhoneNumber(ValueError):
    """The text is not a phone number that can be a caller ID. The message is for the user."""
