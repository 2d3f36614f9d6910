"""Who may open which URLs, where their views do not say it, and what a POST to them needs."""

from __future__ import annotations

from portal.accounts.roles import Permission
from reputation.views.call_station import ACTIONS

# URLs that are open to visitors.
PUBLIC_URLS = {
    "account_login",
    "account_logout",
    "account_reset_password",
    "account_reset_password_done",
    "account_inactive",
    "mfa_authenticate",
    "mfa_login_webauthn",
    "openid_connect_callback",
    "openid_connect_login",
    "set-password",
    "set-password-outdated",
    "openapi",
    "tester",
    *(f"tester-{name}" for name in ACTIONS),
}

# URLs of a person, with or without an account: whoever is signed in may open them, and changes only their own user.
PERSON_URLS = {
    "account_change_password",
    "account_reauthenticate",
    "mfa_index",
    "session-check",
    "session-end",
    "sessions-end-others",
    "mfa_activate_totp",
    "mfa_deactivate_totp",
    "mfa_view_recovery_codes",
    "mfa_generate_recovery_codes",
    "mfa_download_recovery_codes",
    "mfa_list_webauthn",
    "mfa_add_webauthn",
    "mfa_edit_webauthn",
    "mfa_remove_webauthn",
    "mfa_reauthenticate",
    "mfa_reauthenticate_webauthn",
    "openid-connect-begin-confirmation",
    "openid-connect-confirm",
    "openid-connect-confirmed",
    "invitations",
    "invitation-accept",
    "invitation-decline",
}

# Data without which a POST request gets 404.
POST_DATA: dict[str, dict[str, str]] = {
    "bulk-action-open": {"action": "enable"},
    "campaign-change": {"change": "pause"},
    "webhook-change": {"change": "pause"},
}


# Pages that every member reads and whose POST needs more than the page itself.
POST_NEEDS = dict.fromkeys(
    ("enrollment-business", "enrollment-practices", "enrollment-check", "enrollment-reply"), Permission.EDIT_ACCOUNT
)
