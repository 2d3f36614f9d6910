"""Encryption of secrets: what one key encrypts, the others decrypt, until it is removed."""

import base64

import pytest

from portal.encryption import PREFIX, CannotDecrypt, decrypt, encrypt, is_current, is_key

# Always the same keys: those of a test's parameters are part of its name.
OLD, NEW = (base64.urlsafe_b64encode(byte * 32).decode() for byte in (b"a", b"b"))
TEXT = "whsec_Süd 😀"


@pytest.mark.parametrize("keys", [[], [OLD], [NEW, OLD]])
def test_a_text_is_encrypted_and_decrypted(settings, keys):
    settings.ENCRYPTION_KEYS = keys
    first, second = encrypt(TEXT), encrypt(TEXT)
    assert first.startswith(PREFIX)
    assert "whsec" not in first
    assert first != second
    assert decrypt(first) == decrypt(second) == TEXT
    assert is_current(first)


def test_a_new_key_before_the_former_one_encrypts_and_both_decrypt(settings):
    settings.ENCRYPTION_KEYS = [OLD]
    stored = encrypt(TEXT)
    settings.ENCRYPTION_KEYS = [NEW, OLD]
    assert decrypt(stored) == TEXT
    assert not is_current(stored)
    renewed = encrypt(TEXT)
    settings.ENCRYPTION_KEYS = [NEW]
    assert decrypt(renewed) == TEXT
    with pytest.raises(CannotDecrypt):
        decrypt(stored)


def test_the_first_key_of_a_portal_takes_the_place_of_the_secret_key(settings):
    settings.ENCRYPTION_KEYS = []
    stored = encrypt(TEXT)
    settings.ENCRYPTION_KEYS = [NEW]
    assert decrypt(stored) == TEXT
    assert not is_current(stored)


def test_a_former_secret_key_decrypts_while_it_is_a_fallback(settings):
    settings.ENCRYPTION_KEYS = []
    stored = encrypt(TEXT)
    settings.SECRET_KEY_FALLBACKS = [settings.SECRET_KEY]
    settings.SECRET_KEY = "another secret key of the portal, which is long enough"
    assert decrypt(stored) == TEXT
    settings.SECRET_KEY_FALLBACKS = []
    with pytest.raises(CannotDecrypt):
        decrypt(stored)


def flip_bit(stored: str) -> str:
    token = bytearray(base64.urlsafe_b64decode(stored.removeprefix(PREFIX)))
    token[30] ^= 1
    return PREFIX + base64.urlsafe_b64encode(token).decode()


@pytest.mark.parametrize("change", [lambda stored: stored[:-4], flip_bit, lambda stored: PREFIX])
def test_a_changed_text_is_noticed(change):
    with pytest.raises(CannotDecrypt):
        decrypt(change(encrypt(TEXT)))


def test_a_text_of_a_release_that_did_not_encrypt_is_returned_as_it_is():
    assert decrypt(TEXT) == TEXT
    assert decrypt("") == ""
    assert not is_current(TEXT)


def test_a_text_that_looks_encrypted_is_encrypted_too():
    looks_encrypted = f"{PREFIX}gAAAA"
    assert decrypt(encrypt(looks_encrypted)) == looks_encrypted


@pytest.mark.parametrize(
    ("text", "expected"), [(OLD, True), ("", False), ("short", False), ("a" * 44, False), ("é", False)]
)
def test_keys_are_32_bytes_in_base64(text, expected):
    assert is_key(text) == expected
