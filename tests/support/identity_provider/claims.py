"""What the provider tells of people."""

from oauth2_provider.oauth2_validators import OAuth2Validator

from tests.support.identity_provider import UNVERIFIED


class Claims(OAuth2Validator):
    oidc_claim_scope = None

    def get_additional_claims(self, request):
        return {"email": request.user.email, "email_verified": request.user.username != UNVERIFIED}
