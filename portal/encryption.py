"""Encrypt secrets that the database keeps and the portal needs in the clear, such as those that sign webhooks,
and the seeds of second factors.

Fernet of the library cryptography: AES-128 in CBC mode with an HMAC, so that a changed text is noticed. The first key
encrypts and all keys decrypt. Keys come from ENCRYPTION_KEYS, and after them from SECRET_KEY and its fallbacks, so a
portal without ENCRYPTION_KEYS encrypts, too.
"""

from __future__ import annotations

import base64
import hashlib
from functools import lru_cache

from cryptography.fernet import Fernet, InvalidToken, MultiFernet
from django.conf import settings

# Tells encrypted texts from those of releases that did not encrypt, and from other ways to encrypt.
PREFIX = "fernet:"
CONTEXT = b"portal.encryption"


class CannotDecrypt(Exception):
    """No key decrypts the text: the key was removed too early, or the text was changed."""


def encrypt(text: str) -> str:
    """Return the text, encrypted with the first key. The same text gives another result each time."""
    return PREFIX + _get_keys().encrypt(text.encode()).decode()


def decrypt(stored: str) -> str:
    """Return the text of `encrypt`. A text that is not encrypted is returned as it is. Raises CannotDecrypt."""
    if not stored.startswith(PREFIX):
        return stored
    return _decrypt(stored, _get_keys())


def is_current(stored: str) -> bool:
    """Whether the text is encrypted with the first key."""
    if not stored.startswith(PREFIX):
        return False
    try:
        _decrypt(stored, _get_fernets(*_get_settings())[0])
    except CannotDecrypt:
        return False
    return True


def is_key(text: str) -> bool:
    """Whether the text can be a key in ENCRYPTION_KEYS: 32 bytes in base64, as Fernet.generate_key writes them."""
    try:
        Fernet(text)
    except ValueError:
        return False
    return True


def _decrypt(stored: str, keys: Fernet | MultiFernet) -> str:
    try:
        return keys.decrypt(stored.removeprefix(PREFIX)).decode()
    except InvalidToken:
        raise CannotDecrypt("No key in ENCRYPTION_KEYS or SECRET_KEY decrypts a stored secret.") from None


def _get_settings() -> tuple[tuple[str, ...], tuple[str, ...]]:
    return tuple(settings.ENCRYPTION_KEYS), (settings.SECRET_KEY, *settings.SECRET_KEY_FALLBACKS)


def _get_keys() -> MultiFernet:
    return MultiFernet(_get_fernets(*_get_settings()))


@lru_cache(maxsize=8)
def _get_fernets(keys: tuple[str, ...], secret_keys: tuple[str, ...]) -> tuple[Fernet, ...]:
    return (*map(Fernet, keys), *(Fernet(_derive_key(secret_key)) for secret_key in secret_keys))


def _derive_key(secret_key: str) -> bytes:
    """A key of its own for encryption. From it nobody can compute the secret key that signs sessions."""
    digest = hashlib.blake2b(secret_key.encode(), digest_size=32, person=CONTEXT[:16]).digest()
    return base64.urlsafe_b64encode(digest)
