"""Why a request with an API key is refused."""

from __future__ import annotations


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


class KeyStopped(AuthenticationError):
    """The person who answers for the key may no longer make keys."""

    code = "key_stopped"


class AddressNotAllowed(AuthenticationError):
    status = 403
    code = "address_not_allowed"
    error = ""  # RFC 6750 has no code for this


class ScopeMissing(AuthenticationError):
    status = 403
    code = "scope_missing"
    error = "insufficient_scope"
