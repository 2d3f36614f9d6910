from portal.models.accounts import (
    Account,
    AccountQuerySet,
    Licence,
    Member,
    Product,
    User,
    begun_everywhere,
    check_time_zone,
    today_of,
)
from portal.models.api import ApiAnswer, ApiKey, ApiUse
from portal.models.audit import AuditEvent
from portal.models.jobs import Heartbeat, Lease
from portal.models.webhooks import WebhookAttempt, WebhookDelivery, WebhookEndpoint, WebhookMessage

__all__ = [
    "Account",
    "AccountQuerySet",
    "ApiAnswer",
    "ApiKey",
    "ApiUse",
    "AuditEvent",
    "Heartbeat",
    "Lease",
    "Licence",
    "Member",
    "Product",
    "User",
    "WebhookAttempt",
    "WebhookDelivery",
    "WebhookEndpoint",
    "WebhookMessage",
    "begun_everywhere",
    "check_time_zone",
    "today_of",
]
