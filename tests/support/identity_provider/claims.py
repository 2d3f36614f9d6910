"""What the provider tells of people, and the ID tokens of those with whom something is wrong."""

import jwt
from cryptography.hazmat.primitives.asymmetric import rsa
from oauth2_provider.oauth2_validators import OAuth2Validator

from tests.support.identity_provider import CLIENT_SECRET, FAULTS, UNVERIFIED

ANOTHER_KEY = rsa.generate_private_key(public_exponent=65537, key_size=2048)


class Claims(OAuth2Validator):
    oidc_claim_scope = None

    def get_additional_claims(self, request):
        return {"email": request.user.email, "email_verified": request.user.username != UNVERIFIED}

    def finalize_id_token(self, id_token, token, token_handler, request):
        text = super().finalize_id_token(id_token, token, token_handler, request)
        fault = request.user.username
        return spoil(text, fault, request.client.jwk_key) if fault in FAULTS else text


def spoil(text, fault, key):
    """The same token with this fault, signed as before unless the signature is the fault."""
    header = jwt.get_unverified_header(text)
    claims = jwt.decode(text, options={"verify_signature": False})
    key_of_provider = key.export_to_pem(private_key=True, password=None)
    changes = {
        "replayed": {"nonce": "of another session"},
        "without-nonce": {"nonce": None},
        "mistaken": {"sub": "somebody else"},
        "for-another": {"aud": "another portal"},
        "expired": {"exp": 1},
    }
    claims |= changes.get(fault, {})
    key, algorithm = {
        "forged": (ANOTHER_KEY, "RS256"),
        "unsigned": (None, "none"),
        "symmetric": (CLIENT_SECRET, "HS256"),
    }.get(fault, (key_of_provider, "RS256"))
    return jwt.encode(claims, key, algorithm, headers={"kid": header["kid"]})
