"""Authentication of API requests with a key.

A token reads `nrp_PREFIX_SECRET`. The row is looked up by the prefix, and the secret is compared with its SHA-256 hash
in constant time. The secret is 256 random bits, so it cannot be guessed from the hash. Key stretching (bcrypt, Argon2)
protects passwords that people choose; here it would only slow down every request.
"""

from __future__ import annotations

import hmac
from datetime import datetime
from hashlib import sha256

from django.db import connection

from portal.accounts.api_keys.errors import (
    AddressNotAllowed,
    KeyExpired,
    KeyMalformed,
    KeyMissing,
    KeyRevoked,
    KeyStopped,
    KeyUnknown,
    ScopeMissing,
)
from portal.accounts.api_keys.holders import HOLDER_ROLES
from portal.accounts.api_keys.networks import is_allowed
from portal.models import Account

# Raw SQL because every request runs it: building the query with the ORM takes ten times as long as running it.
# The holder of the key (see holders.py) has to be an active member who may make keys.
_FIND_KEY_SQL = f"""
SELECT k.id, k.name, k.scopes, k.secret_hash, k.revoked_at IS NOT NULL, k.expires_at <= %s,
  COALESCE(k.taken_over_by_id, k.created_by_id) IS NULL OR EXISTS (
    SELECT 1 FROM portal_member m JOIN portal_user u ON u.id = m.user_id
    WHERE m.account_id = k.account_id AND m.user_id = COALESCE(k.taken_over_by_id, k.created_by_id)
      AND m.role IN ({", ".join(["%s"] * len(HOLDER_ROLES))}) AND u.is_active),
  k.allowed_networks, a.id, a.name, a.time_zone
FROM portal_apikey k JOIN portal_account a ON a.id = k.account_id
WHERE k.prefix = %s
"""
_UNKNOWN_KEY = (0, "", "", "0" * 64, False, False, False, "", 0, "", "")


class AuthenticatedKey:
    """The key that a request was authenticated with, and its account.

    Not a model instance: creating two of them costs more than the query, and most requests need neither.
    """

    __slots__ = ("_account", "_fields", "account_id", "name", "pk", "prefix")

    def __init__(self, *, pk: int, name: str, prefix: str, account_id: int, account_name: str, time_zone: str) -> None:
        self.pk, self.name, self.prefix = pk, name, prefix
        self.account_id, self._fields = account_id, (account_id, account_name, time_zone)
        self._account: Account | None = None

    @property
    def account(self) -> Account:
        if self._account is None:
            self._account = Account.from_db(connection.alias, ("id", "name", "time_zone"), self._fields)
        return self._account


def authenticate(authorization: str | None, *, scope: str, now: datetime, address: str = "") -> AuthenticatedKey:
    """Return the key in the Authorization header if it has the scope and may be used from the address.

    `address` is the client's (see portal.client_address). Takes one query. Raises an AuthenticationError. An unknown
    prefix and a wrong secret give the same error after the same time.
    """
    prefix, secret = _parse_authorization(authorization)
    with connection.cursor() as cursor:
        cursor.execute(_FIND_KEY_SQL, (connection.ops.adapt_datetimefield_value(now), *HOLDER_ROLES, prefix))
        found = cursor.fetchone()
    pk, name, scopes, secret_hash, revoked, expired, held, networks, account_id, account_name, zone = (
        found or _UNKNOWN_KEY
    )
    if not hmac.compare_digest(hash_secret(secret), secret_hash) or found is None:
        raise KeyUnknown("There is no such API key, or its secret is wrong.")
    if revoked:
        raise KeyRevoked("This API key was revoked.")
    if expired:
        raise KeyExpired("This API key has expired.")
    if not held:
        raise KeyStopped("This API key stopped: the person who answers for it may no longer make keys.")
    if not is_allowed(address, networks):
        raise AddressNotAllowed(f"This API key may not be used from {address or 'an unknown address'}.")
    if scope not in scopes.split():
        raise ScopeMissing(f"This API key may not do this: it lacks the scope {scope}.", scope=scope)
    return AuthenticatedKey(
        pk=pk,
        name=name,
        prefix=prefix,
        account_id=account_id,
        account_name=account_name,
        time_zone=zone,
    )


def _parse_authorization(authorization: str | None) -> tuple[str, str]:
    """Return the prefix and the secret of the token in the header."""
    if not authorization:
        raise KeyMissing("Send an API key, as: Authorization: Bearer nrp_...")
    scheme, _, token = authorization.partition(" ")
    ours, _, rest = token.strip().partition("_")
    prefix, _, secret = rest.partition("_")
    if scheme.lower() != "bearer" or ours != "nrp" or not prefix or not secret or not token.isascii():
        raise KeyMalformed("This is no API key. The header reads: Authorization: Bearer nrp_..., with the whole key.")
    return prefix.replace("\x00", ""), secret


def hash_secret(secret: str) -> str:
    return sha256(secret.encode()).hexdigest()
