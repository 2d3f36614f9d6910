"""Settings of sign-in with the business's own identity provider, by OpenID Connect. Part of portal/settings.py."""

from __future__ import annotations

from urllib.parse import urlsplit

from portal.environment import environment

__all__ = [
    "OIDC_CLIENT_ID",
    "OIDC_CLIENT_SECRET",
    "OIDC_ISSUER",
    "OIDC_NAME",
    "OIDC_TRUST_EMAIL",
    "SOCIALACCOUNT_ADAPTER",
    "SOCIALACCOUNT_REQUESTS_TIMEOUT",
]

OWN_MACHINE = {"127.0.0.1", "::1", "localhost"}

read = environment.read

OIDC_ISSUER = read("str", "OIDC_ISSUER", "").rstrip("/")
OIDC_CLIENT_ID = read("str", "OIDC_CLIENT_ID", "")
OIDC_CLIENT_SECRET = read("str", "OIDC_CLIENT_SECRET", "")
OIDC_NAME = read("str", "OIDC_NAME", "your organization")
OIDC_TRUST_EMAIL = read("bool", "OIDC_TRUST_EMAIL", False)
_issuer = urlsplit(OIDC_ISSUER)
environment.require(
    not OIDC_ISSUER or _issuer.scheme == "https" or (_issuer.scheme == "http" and _issuer.hostname in OWN_MACHINE),
    "OIDC_ISSUER does not begin with https://. Whoever reads along could sign in as somebody else.",
)
environment.require(
    not OIDC_ISSUER or bool(OIDC_CLIENT_ID and OIDC_CLIENT_SECRET),
    "OIDC_ISSUER is set, but not OIDC_CLIENT_ID and OIDC_CLIENT_SECRET. The identity provider shows both when the "
    "portal is registered with it.",
)

SOCIALACCOUNT_ADAPTER = "portal.authentication.openid_connect.IdentityProviderAdapter"
SOCIALACCOUNT_REQUESTS_TIMEOUT = 5  # seconds for each answer of the identity provider
