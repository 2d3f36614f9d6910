"""Create and revoke API keys, and take over those of somebody else. Every change is in the audit trail."""

from __future__ import annotations

import secrets
from collections.abc import Sequence
from datetime import datetime
from uuid import UUID

from django.db import IntegrityError, transaction

from portal import audit
from portal.accounts.api_keys.authentication import hash_secret
from portal.accounts.api_keys.expiry import LIFETIME, get_passed_warning
from portal.accounts.roles import API_SCOPES
from portal.audit import Context
from portal.models import Account, ApiKey


class DuplicateApiKey(Exception):
    """The form with this token has made a key already."""


def create_api_key(
    *,
    account: Account,
    name: str,
    scopes: Sequence[str],
    context: Context,
    expires_at: datetime | None = None,
    allowed_networks: str = "",
    form_token: UUID | None = None,
) -> tuple[ApiKey, str]:
    """Create a key and return it with its token. The token is not stored and cannot be shown again.

    Without `expires_at`, the key works for a year. `allowed_networks` is a text of `normalize_networks`. Raises
    DuplicateApiKey if the account has a key with this `form_token`, which identifies the form that makes the key.
    """
    prefix, secret = secrets.token_hex(5), secrets.token_hex(32)
    expires_at = expires_at or context.now + LIFETIME
    try:
        with transaction.atomic():
            key = ApiKey.objects.create(
                account=account,
                name=name,
                prefix=prefix,
                secret_hash=hash_secret(secret),
                scopes=" ".join(scope for scope in API_SCOPES if scope in scopes),
                created_at=context.now,
                created_by=context.actor.user,
                expires_at=expires_at,
                allowed_networks=allowed_networks,
                form_token=form_token,
                warned_days=get_passed_warning(expires_at, context.now),
            )
            audit.record_event(
                account=account,
                context=context,
                code="api_key.made",
                subject=key,
                after=", ".join(key.scope_list),
                reason=f"Only from {allowed_networks.replace(' ', ', ')}" if allowed_networks else "",
            )
    except IntegrityError:
        if form_token and ApiKey.objects.for_account(account).filter(form_token=form_token).exists():
            raise DuplicateApiKey from None
        raise
    return key, f"nrp_{prefix}_{secret}"


def revoke_api_key(key: ApiKey, *, context: Context) -> bool:
    """Revoke the key, effective immediately. Return False if it was revoked before."""
    with transaction.atomic():
        revoked = ApiKey.objects.filter(pk=key.pk, revoked_at__isnull=True).update(revoked_at=context.now)
        if revoked:
            audit.record_event(account=key.account, context=context, code="api_key.revoked", subject=key)
    key.refresh_from_db()
    return bool(revoked)


def take_over_api_key(key: ApiKey, *, context: Context) -> bool:
    """Make the actor the holder of the key, who answers for it. Return False if they are, or if it was revoked."""
    user = context.actor.user
    if user is None:
        raise ValueError("Only a person can take over a key.")
    with transaction.atomic():
        working = ApiKey.objects.select_for_update(of=("self",)).select_related("created_by", "taken_over_by")
        locked = working.filter(pk=key.pk, revoked_at__isnull=True).first()
        if locked is None or locked.holder == user:
            return False
        before = locked.holder.email if locked.holder else ""
        ApiKey.objects.filter(pk=key.pk).update(taken_over_by=user)
        audit.record_event(
            account=key.account,
            context=context,
            code="api_key.taken_over",
            subject=key,
            before=before,
            after=user.email,
        )
    return True
