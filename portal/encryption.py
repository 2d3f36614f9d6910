"""Encrypt secrets that are kept in the database, so that a copy of the database alone does not hold them.

The keys are derived from settings.SECRET_KEY and, for what was encrypted before it was replaced,
settings.SECRET_KEY_FALLBACKS.
"""

from __future__ import annotations

import base64
import hashlib
from functools import lru_cache

from cryptography.fernet import Fernet, InvalidToken, MultiFernet
from django.conf import settings

PREFIX = "fernet:"
CONTEXT = b"portal.encryption"


class CannotDecrypt(Exception):
    """The text was encrypted with a key that is neither SECRET_KEY nor among SECRET_KEY_FALLBACKS."""


def encrypt(text: str) -> str:
    return PREFIX + _get_keys().encrypt(text.encode()).decode()


def decrypt(stored: str) -> str:
    """Texts that were stored before they were encrypted are returned as they are. Raises CannotDecrypt."""
    if not stored.startswith(PREFIX):
        return stored
    try:
        return _get_keys().decrypt(stored.removeprefix(PREFIX)).decode()
    except InvalidToken as error:
        raise CannotDecrypt("A secret in the database was encrypted with a SECRET_KEY that is not set now.") from error


def reencrypt(stored: str) -> str:
    """The same secret, encrypted with the present SECRET_KEY. Raises CannotDecrypt."""
    return encrypt(decrypt(stored))


def _get_keys() -> MultiFernet:
    return _derive_keys((settings.SECRET_KEY, *settings.SECRET_KEY_FALLBACKS))


@lru_cache(maxsize=4)
def _derive_keys(secrets: tuple[str, ...]) -> MultiFernet:
    digests = (hashlib.blake2b(secret.encode(), digest_size=32, person=CONTEXT[:16]).digest() for secret in secrets)
    return MultiFernet([Fernet(base64.urlsafe_b64encode(digest)) for digest in digests])
