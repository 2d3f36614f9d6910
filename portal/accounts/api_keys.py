"""API keys: creation, revocation, and authentication of API requests.

A token reads `nrp_PREFIX_SECRET`. The row is looked up by the prefix, and the secret is compared with its SHA-256 hash
in constant time. The secret is 256 random bits, so it cannot be guessed from the hash. Key stretching (bcrypt, Argon2)
protects passwords that people choose; here it would only slow down every request.
"""

from __future__ import annotations

import hmac
import secrets
from collections.abc import Sequence
from datetime import datetime, timedelta
from hashlib import sha256

from django.db import IntegrityError, connection, transaction
from django.db.models import Q

from portal import audit
from portal.accounts.roles import API_SCOPES
from portal.audit import Context
from portal.models import Account, ApiKey

LAST_USED_INTERVAL = timedelta(minutes=1)


class AuthenticationError(Exception):
    """The request is refused. `status` and `error` follow RFC 6750 (bearer tokens); `code` is this API's own."""

    status = 401
    code = ""
    error = "invalid_token"

    def __init__(self, detail: str, *, scope: str = "") -> None:
        super().__init__(detail)
        self.detail = detail
        self.scope = scope

    @property
    def challenge(self) -> str:
        """The value of WWW-Authenticate. `detail` must be ASCII without quotation marks."""
        parts = ['Bearer realm="api"']
        if self.error:
            parts += [f'error="{self.error}"', f'error_description="{self.detail}"']
        if self.scope:
            parts.append(f'scope="{self.scope}"')
        return ", ".join(parts)


class KeyMissing(AuthenticationError):
    code = "key_missing"
    error = ""  # RFC 6750, 3.1: no error code for a request without credentials


class KeyMalformed(AuthenticationError):
    code = "key_malformed"


class KeyUnknown(AuthenticationError):
    code = "key_unknown"


class KeyRevoked(AuthenticationError):
    code = "key_revoked"


class KeyExpired(AuthenticationError):
    code = "key_expired"


class ScopeMissing(AuthenticationError):
    status = 403
    code = "scope_missing"
    error = "insufficient_scope"


# Creation and revocation ---------------------------------------------------------------------------------------------


class DuplicateApiKey(Exception):
    """A key with this prefix exists."""


def generate_prefix() -> str:
    return secrets.token_hex(5)


def create_api_key(
    *,
    account: Account,
    name: str,
    scopes: Sequence[str],
    expires_at: datetime | None,
    context: Context,
    prefix: str = "",
) -> tuple[ApiKey, str]:
    """Create a key and return it with its token. The token is not stored and cannot be shown again.

    Pass a `prefix` from `generate_prefix` to make the call idempotent: the second call raises DuplicateApiKey.
    """
    prefix, secret = prefix or generate_prefix(), secrets.token_hex(32)
    try:
        with transaction.atomic():
            key = ApiKey.objects.create(
                account=account,
                name=name,
                prefix=prefix,
                secret_hash=_hash_secret(secret),
                scopes=" ".join(scope for scope in API_SCOPES if scope in scopes),
                created_at=context.now,
                created_by=context.actor.user,
                expires_at=expires_at,
            )
            scopes_made = ", ".join(key.scope_list)
            audit.record_event(account=account, context=context, code="api_key.made", subject=key, after=scopes_made)
    except IntegrityError:
        raise DuplicateApiKey from None
    return key, f"nrp_{prefix}_{secret}"


def revoke_api_key(key: ApiKey, *, context: Context) -> bool:
    """Revoke the key, effective immediately. Return False if it was revoked before."""
    with transaction.atomic():
        revoked = ApiKey.objects.filter(pk=key.pk, revoked_at__isnull=True).update(revoked_at=context.now)
        if revoked:
            audit.record_event(account=key.account, context=context, code="api_key.revoked", subject=key)
    key.refresh_from_db()
    return bool(revoked)


# Authentication ------------------------------------------------------------------------------------------------------

# Raw SQL because every request runs it: building the query with the ORM takes ten times as long as running it.
_FIND_KEY_SQL = """
SELECT k.id, k.name, k.scopes, k.secret_hash, k.revoked_at IS NOT NULL, k.expires_at <= %s, a.id, a.name, a.time_zone
FROM portal_apikey k JOIN portal_account a ON a.id = k.account_id
WHERE k.prefix = %s
"""
_UNKNOWN_KEY = (0, "", "", "0" * 64, False, False, 0, "", "")


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


def authenticate(authorization: str | None, *, scope: str, now: datetime) -> AuthenticatedKey:
    """Return the key in the Authorization header if it has the scope. Takes one query.

    Raises an AuthenticationError. An unknown prefix and a wrong secret give the same error after the same time.
    """
    prefix, secret = _parse_authorization(authorization)
    with connection.cursor() as cursor:
        cursor.execute(_FIND_KEY_SQL, (connection.ops.adapt_datetimefield_value(now), prefix))
        found = cursor.fetchone()
    pk, name, scopes, secret_hash, revoked, expired, account_id, account_name, zone = found or _UNKNOWN_KEY
    if not hmac.compare_digest(_hash_secret(secret), secret_hash) or found is None:
        raise KeyUnknown("There is no such API key, or its secret is wrong.")
    if revoked:
        raise KeyRevoked("This API key was revoked.")
    if expired:
        raise KeyExpired("This API key has expired.")
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


# When this process last wrote a key's `last_used_at`, by the key's prefix.
_last_recorded: dict[str, datetime] = {}


def record_use(caller: AuthenticatedKey, *, now: datetime) -> None:
    """Write when the key was last used, at most once a minute. Call it outside any transaction."""
    last = _last_recorded.get(caller.prefix)
    if last and timedelta(0) <= now - last < LAST_USED_INTERVAL:
        return
    _last_recorded[caller.prefix] = now
    due = ApiKey.objects.filter(
        Q(last_used_at__isnull=True) | Q(last_used_at__lte=now - LAST_USED_INTERVAL), pk=caller.pk
    )
    due.update(last_used_at=now)


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


def _hash_secret(secret: str) -> str:
    return sha256(secret.encode()).hexdigest()
