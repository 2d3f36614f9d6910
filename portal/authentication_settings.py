"""Settings of sign-in: django-allauth, passwords, second factors. Part of portal/settings.py."""

from __future__ import annotations

from portal.environment import environment

__all__ = [
    "ACCOUNT_ADAPTER",
    "ACCOUNT_EMAIL_NOTIFICATIONS",
    "ACCOUNT_EMAIL_VERIFICATION",
    "ACCOUNT_FORMS",
    "ACCOUNT_LOGIN_METHODS",
    "ACCOUNT_RATE_LIMITS",
    "ACCOUNT_SESSION_REMEMBER",
    "ACCOUNT_SIGNUP_ENABLED",
    "ACCOUNT_SIGNUP_FIELDS",
    "ACCOUNT_USER_MODEL_USERNAME_FIELD",
    "ADMIN_IDLE_MINUTES",
    "ADMIN_SESSION_HOURS",
    "AUTH_PASSWORD_VALIDATORS",
    "IDLE_MINUTES",
    "LOGIN_REDIRECT_URL",
    "LOGIN_URL",
    "LOGOUT_REDIRECT_URL",
    "MFA_ADAPTER",
    "MFA_FORMS",
    "MFA_PASSKEY_LOGIN_ENABLED",
    "MFA_RATE_LIMITS",
    "MFA_SUPPORTED_TYPES",
    "MFA_TOTP_ISSUER",
    "MFA_TOTP_TOLERANCE",
    "MFA_WEBAUTHN_ALLOW_INSECURE_ORIGIN",
    "REAUTHENTICATION_SECONDS",
    "SESSION_DAYS",
    "STAFF_NEED_SECOND_FACTOR",
]

read = environment.read

LOGIN_URL = "account_login"
LOGIN_REDIRECT_URL = "overview"
LOGOUT_REDIRECT_URL = "account_login"

ACCOUNT_ADAPTER = "portal.authentication.adapter.AccountAdapter"
ACCOUNT_LOGIN_METHODS = {"email"}
ACCOUNT_SIGNUP_ENABLED = False
ACCOUNT_SIGNUP_FIELDS = ["email*", "password1*"]
ACCOUNT_USER_MODEL_USERNAME_FIELD = None
ACCOUNT_EMAIL_VERIFICATION = "none"  # people get in by a mailed link
ACCOUNT_EMAIL_NOTIFICATIONS = True
ACCOUNT_RATE_LIMITS = False
ACCOUNT_SESSION_REMEMBER = True
ACCOUNT_FORMS = {
    "login": "portal.authentication.forms.SignInForm",
    "reauthenticate": "portal.authentication.forms.ConfirmForm",
}
MFA_ADAPTER = "portal.authentication.adapter.SecondFactorAdapter"
MFA_SUPPORTED_TYPES = ["totp", "webauthn", "recovery_codes"]
MFA_PASSKEY_LOGIN_ENABLED = True
MFA_RATE_LIMITS = False
MFA_TOTP_ISSUER = "Number Reputation"
MFA_TOTP_TOLERANCE = 1  # a code works for 30 seconds longer, for clocks that differ
# Browsers offer passkeys over plain http on the own machine only: for the demo.
MFA_WEBAUTHN_ALLOW_INSECURE_ORIGIN = read("bool", "DEMO", False)
MFA_FORMS = {
    "authenticate": "portal.authentication.factor_forms.CodeForm",
    "reauthenticate": "portal.authentication.factor_forms.ConfirmCodeForm",
    "activate_totp": "portal.authentication.factor_forms.AppForm",
    "add_webauthn": "portal.authentication.factor_forms.PasskeyForm",
    "authenticate_webauthn": "portal.authentication.factor_forms.UsePasskeyForm",
    "edit_webauthn": "portal.authentication.factor_forms.PasskeyNameForm",
    "login_webauthn": "portal.authentication.factor_forms.PasskeySignInForm",
    "reauthenticate_webauthn": "portal.authentication.factor_forms.ConfirmPasskeyForm",
}
# Whoever has a staff role sets up a second factor at the next sign-in. Only the demo may do without.
STAFF_NEED_SECOND_FACTOR = read("bool", "STAFF_NEED_SECOND_FACTOR", not read("bool", "DEMO", False))
environment.require(
    STAFF_NEED_SECOND_FACTOR or read("bool", "DEMO", False),
    "STAFF_NEED_SECOND_FACTOR=0 is for the demo: whoever learns a reviewer's password could approve enrollments.",
)

# A session ends when nothing was done for this long. What an open page asks by itself does not count.
IDLE_MINUTES = environment.require_minimum(1, "IDLE_MINUTES", read("int", "IDLE_MINUTES", 240))
ADMIN_IDLE_MINUTES = environment.require_minimum(1, "ADMIN_IDLE_MINUTES", read("int", "ADMIN_IDLE_MINUTES", 30))

# A session ends this long after the sign-in, however much is done in it.
SESSION_DAYS = environment.require_minimum(1, "SESSION_DAYS", read("int", "SESSION_DAYS", 30))
ADMIN_SESSION_HOURS = environment.require_minimum(1, "ADMIN_SESSION_HOURS", read("int", "ADMIN_SESSION_HOURS", 24))

# How recently a person must have proved who they are, before keys, members, roles, secrets and factors are changed.
REAUTHENTICATION_SECONDS = 15 * 60

RULES = "portal.authentication.password_rules"
# Without Django's UserAttributeSimilarityValidator: it compares how often each letter occurs, so it finds "a much
# better one" similar to the name Courtney Matthews. OwnWordsValidator compares words.
AUTH_PASSWORD_VALIDATORS = [
    {"NAME": "django.contrib.auth.password_validation.MinimumLengthValidator", "OPTIONS": {"min_length": 12}},
    {"NAME": f"{RULES}.OwnWordsValidator"},
    {"NAME": f"{RULES}.KnownPasswordValidator"},
    {"NAME": f"{RULES}.GuessableValidator"},
]
