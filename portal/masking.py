"""Texts for logs and the page of operators, without secrets, and such that any database stores them."""

from __future__ import annotations

import re
from collections.abc import Iterator
from typing import Final

from django.conf import settings

MASK: Final = "***"
# A shorter setting is no secret, and masking it would make texts unreadable.
_MIN_LENGTH: Final = 8
_NAMES: Final = (
    r"[\w.-]*(?:password|passwd|passphrase|secret|token|api[_-]?key|authorization|cookie|signature|sessionid)"
)
_PATTERNS: Final = (
    # password=..., "token": "...", Authorization: Bearer ...
    (re.compile(rf"""(?i)({_NAMES}["']?\s*[:=]\s*["']?)((?:bearer|basic|token)\s+)?[^\s"'&,;)}}\]]+"""), rf"\1{MASK}"),
    (re.compile(r"(?i)\b(bearer|basic)\s+[\w.~+/=-]{8,}"), rf"\1 {MASK}"),
    # postgres://user:password@host
    (re.compile(r"(://)[^/\s:@]*:[^/\s@]*@"), rf"\1{MASK}@"),
    # The portal's own: API keys, secrets of webhooks, and links that sign in or set a password.
    (re.compile(r"\bnrp_[0-9A-Za-z_]+"), f"nrp_{MASK}"),
    (re.compile(r"\bwhsec_[\w+/=-]+"), f"whsec_{MASK}"),
    (re.compile(r"(/(?:password|testing|invitation)/)[\w/:.=-]{20,}"), rf"\1{MASK}"),
)


def mask_secrets(text: str) -> str:
    """The text without secrets of the settings and without what looks like a password, token or key."""
    for secret in _get_secrets():
        text = text.replace(secret, MASK)
    for pattern, replacement in _PATTERNS:
        text = pattern.sub(replacement, text)
    return text


def _get_secrets() -> Iterator[str]:
    databases = (database.get("PASSWORD") for database in settings.DATABASES.values())
    secrets = (settings.SECRET_KEY, *settings.SECRET_KEY_FALLBACKS, settings.EMAIL_HOST_PASSWORD, *databases)
    return (secret for secret in secrets if secret and len(secret) >= _MIN_LENGTH)


def make_storable(text: str) -> str:
    """The text without NUL characters and lone surrogates, which PostgreSQL refuses."""
    return text.replace("\x00", "").encode("utf-8", "replace").decode("utf-8")
