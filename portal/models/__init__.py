from portal.models.accounts import (
    Account,
    AccountQuerySet,
    Licence,
    Member,
    Product,
    User,
    get_default_valid_from,
    today_of,
    validate_time_zone,
)
from portal.models.api import ApiKey, ApiUsage, IdempotentResponse
from portal.models.area_codes import AreaCodeTable
from portal.models.audit import AuditBatch, AuditChain, AuditErasure, AuditEvent, AuditIdentity, AuditPersonalText
from portal.models.cache import CacheEntry
from portal.models.invitations import Invitation
from portal.models.jobs import Canary, Claimable, Heartbeat, Lease, OperationsCheck, TaskFailure
from portal.models.mail import MailServer, OutgoingMail
from portal.models.metrics import MetricTotal
from portal.models.throttling import AttemptCount, FailedSignIn
from portal.models.webhooks import WebhookAttempt, WebhookDelivery, WebhookEndpoint, WebhookMessage

__all__ = [
    "Account",
    "AccountQuerySet",
    "ApiKey",
    "ApiUsage",
    "AreaCodeTable",
    "AttemptCount",
    "AuditBatch",
    "AuditChain",
    "AuditErasure",
    "AuditEvent",
    "AuditIdentity",
    "AuditPersonalText",
    "CacheEntry",
    "Canary",
    "Claimable",
    "FailedSignIn",
    "Heartbeat",
    "IdempotentResponse",
    "Invitation",
    "Lease",
    "Licence",
    "MailServer",
    "Member",
    "MetricTotal",
    "OperationsCheck",
    "OutgoingMail",
    "Product",
    "TaskFailure",
    "User",
    "WebhookAttempt",
    "WebhookDelivery",
    "WebhookEndpoint",
    "WebhookMessage",
    "get_default_valid_from",
    "today_of",
    "validate_time_zone",
]
