"""API keys: creation, revocation, expiry, holders, and authentication of API requests."""

from portal.accounts.api_keys.authentication import AuthenticatedKey, authenticate
from portal.accounts.api_keys.changes import (
    DuplicateApiKey,
    create_api_key,
    revoke_api_key,
    take_over_api_key,
)
from portal.accounts.api_keys.errors import AuthenticationError
from portal.accounts.api_keys.expiry import LIFETIME
from portal.accounts.api_keys.holders import get_keys_of, with_holders
from portal.accounts.api_keys.networks import InvalidNetwork, normalize_networks
from portal.accounts.api_keys.use import record_use

__all__ = [
    "LIFETIME",
    "AuthenticatedKey",
    "AuthenticationError",
    "DuplicateApiKey",
    "InvalidNetwork",
    "authenticate",
    "create_api_key",
    "get_keys_of",
    "normalize_networks",
    "record_use",
    "revoke_api_key",
    "take_over_api_key",
    "with_holders",
]
