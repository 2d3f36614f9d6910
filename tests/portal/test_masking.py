"""Texts that operators see have no secrets, and any database stores them."""

import pytest

from portal.masking import make_storable, mask_secrets


@pytest.mark.parametrize(
    ("text", "masked"),
    [
        ("connect to postgres://portal:s3cr3t@db/portal failed", "connect to postgres://***@db/portal failed"),
        ("redis://:hunter22@host:6379", "redis://***@host:6379"),
        ("401 for Authorization: Bearer abc.def-123456", "401 for Authorization: ***"),
        ("sent bearer abcdefgh12345 to it", "sent bearer *** to it"),
        ('{"api_key": "4711", "number": "+12025550123"}', '{"api_key": "***", "number": "+12025550123"}'),
        ("GET /lookup?token=abcdef&number=1", "GET /lookup?token=***&number=1"),
        ("DB_PASSWORD=hunter22 is wrong", "DB_PASSWORD=*** is wrong"),
        ("key nrp_0123456789_abcdef0123 is unknown", "key nrp_*** is unknown"),
        ("whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw is weak", "whsec_*** is weak"),
        ("/password/reset/MQ/c9x1-0123456789abcdef01234/", "/password/***"),
        ("division by zero", "division by zero"),
        ("https://example.com/hook answered 500", "https://example.com/hook answered 500"),
    ],
)
def test_what_looks_like_a_secret_is_masked(text, masked):
    assert mask_secrets(text) == masked


def test_secrets_of_the_settings_are_masked_wherever_they_appear(settings):
    settings.EMAIL_HOST_PASSWORD = "correct horse battery"
    settings.SECRET_KEY_FALLBACKS = ["the-former-key-of-this-portal"]
    text = f"login(correct horse battery) with {settings.SECRET_KEY} or the-former-key-of-this-portal"
    assert mask_secrets(text) == "login(***) with *** or ***"


def test_short_settings_are_not_masked(settings):
    settings.EMAIL_HOST_PASSWORD = "a"
    assert mask_secrets("a task failed") == "a task failed"


def test_nul_and_lone_surrogates_are_removed():
    assert make_storable("a\x00b\udc80c \U0001f600") == "ab?c \U0001f600"
