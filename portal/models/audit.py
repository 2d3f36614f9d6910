"""The audit trail."""

from __future__ import annotations

from typing import NamedTuple, Self

from django.db import models
from django.db.models import Q
from django.db.models.functions import Coalesce

from portal.models.accounts import Account, AccountQuerySet, User
from portal.models.api import ApiKey

ERASED_PERSON = "Erased person"


class AuditIdentity(models.Model):
    """A name and an e-mail address that a person has had. Events hold its id, so a rename changes no past event.

    A person has one row for each name and address. To erase a person, blank `name`, `email` and `salt`, and set
    `erased_at`; events stay as they are. `digest` is a hash of the salt, the name and the address. It shows whether a
    row was altered, and says nothing about the person once the salt is gone.
    """

    user = models.ForeignKey(User, models.SET_NULL, null=True, related_name="+")
    name = models.CharField(max_length=120, blank=True)
    email = models.CharField(max_length=254, blank=True)
    salt = models.CharField(max_length=32, blank=True)
    digest = models.CharField(max_length=64)
    created_at = models.DateTimeField()
    erased_at = models.DateTimeField(null=True)

    class Meta:
        constraints = [
            models.UniqueConstraint(
                fields=["user", "name", "email"], name="audit_identity_once", condition=Q(erased_at__isnull=True)
            )
        ]

    def __str__(self) -> str:
        return ERASED_PERSON if self.erased_at else self.name or self.email


class AuditPersonalText(models.Model):
    """What an event says about a person: who it is about, their former and new address, where they signed in from.

    It is kept apart from the event, which is never changed: to erase a person, blank the texts and `salt`, and set
    `erased_at`. `digest` is a hash of the salt and the texts, and the hash of the event's batch covers it.
    `number` is the statement that recorded the event, as in `AuditEvent.batch`, and `subject_id` the event's subject.
    """

    account = models.ForeignKey(Account, models.CASCADE, null=True, related_name="+")
    user = models.ForeignKey(User, models.SET_NULL, null=True, related_name="+")
    number = models.BigIntegerField()
    subject_id = models.BigIntegerField()
    label = models.CharField(max_length=120, blank=True)
    before = models.CharField(max_length=200, blank=True)
    after = models.CharField(max_length=200, blank=True)
    reason = models.CharField(max_length=500, blank=True)
    salt = models.CharField(max_length=32, blank=True)
    digest = models.CharField(max_length=64)
    erased_at = models.DateTimeField(null=True)

    objects = AccountQuerySet.as_manager()

    class Meta:
        constraints = [
            models.UniqueConstraint(fields=["number", "subject_id"], name="audit_personal_text_once"),
        ]

    def __str__(self) -> str:
        return ERASED_PERSON if self.erased_at else self.label


class EventTexts(NamedTuple):
    """The texts of an event as they are shown, wherever they are stored."""

    label: str
    before: str
    after: str
    reason: str


class AuditEventQuerySet(AccountQuerySet["AuditEvent"]):
    def with_actors(self) -> Self:
        """Select with the events what `describe_event` and `texts` read."""
        return self.select_related("actor", "identity", "api_key", "personal_text")


class AuditEvent(models.Model):
    """One change to one object: who, what, when, before, after, from where. Rows are only added, never changed."""

    account = models.ForeignKey(Account, models.CASCADE, null=True, related_name="audit_events", db_index=False)
    at = models.DateTimeField()
    # A person who has acted is never deleted: an erased one keeps a row without name and address.
    actor = models.ForeignKey(User, models.PROTECT, null=True, related_name="+")
    # Who the actor was at that time. No query filters by it. Empty in events that a release without it wrote.
    identity = models.ForeignKey(AuditIdentity, models.PROTECT, null=True, related_name="+", db_index=False)
    via = models.CharField(max_length=10)
    # The key of a request to the API. No query filters by it, so it has no index. Keys are deleted with their account.
    api_key = models.ForeignKey(ApiKey, models.DO_NOTHING, null=True, related_name="+", db_index=False)
    code = models.CharField(max_length=40)
    subject_type = models.CharField(max_length=20)
    subject_id = models.BigIntegerField()
    # These are empty where they would name a person or tell where one is: see `personal_text`.
    subject_label = models.CharField(max_length=120, blank=True)
    before = models.CharField(max_length=200, blank=True)
    after = models.CharField(max_length=200, blank=True)
    reason = models.CharField(max_length=500, blank=True)

    # Deleted with its account, as the event.
    personal_text = models.ForeignKey(AuditPersonalText, models.DO_NOTHING, null=True, related_name="+", db_index=False)
    # The number of the statement that recorded it; `AuditBatch` has the hash. Empty in events of releases without it.
    batch = models.BigIntegerField(null=True)

    objects = AuditEventQuerySet.as_manager()

    class Meta:
        indexes = [
            models.Index(fields=["account", "id"], name="audit_by_account"),
            models.Index(fields=["batch", "id"], name="audit_by_batch", condition=Q(batch__isnull=False)),
            models.Index(fields=["account", "id"], name="audit_without_batch", condition=Q(batch__isnull=True)),
            models.Index(
                fields=["personal_text"], name="audit_by_personal_text", condition=Q(personal_text__isnull=False)
            ),
            models.Index(fields=["account", "subject_type", "subject_id", "id"], name="audit_by_subject"),
        ]

    def __str__(self) -> str:
        return f"{self.code} {self.subject_label}"

    @property
    def subject_key(self) -> str:
        """The object in a query string: phonenumber:12."""
        return f"{self.subject_type}:{self.subject_id}"

    @property
    def texts(self) -> EventTexts:
        """The event's own texts, and those about a person from the row that erasure blanks."""
        personal = self.personal_text
        if personal is None:
            return EventTexts(self.subject_label, self.before, self.after, self.reason)
        return EventTexts(
            self.subject_label or str(personal),
            self.before or personal.before,
            self.after or personal.after,
            self.reason or personal.reason,
        )

    @property
    def actor_name(self) -> str | None:
        """The person's name at that time; None if it was no person."""
        if self.identity is not None:
            return str(self.identity)
        return self.actor.get_full_name() if self.actor else None

    @property
    def actor_email(self) -> str:
        """The person's address at that time; empty if it was no person, or an erased one."""
        if self.identity is not None:
            return self.identity.email
        return self.actor.email if self.actor else ""


class AuditBatchQuerySet(AccountQuerySet["AuditBatch"]):
    def unlinked(self) -> Self:
        """Batches that have no place in their chain yet: for milliseconds, or after a process was killed."""
        return self.filter(position__isnull=True)


class AuditBatch(models.Model):
    """The events that one statement recorded in one account, with a hash of them. See portal.audit.batches and chain.

    `position` counts the batches of the account from 1. `hash` is over the batch and the hash of the one before.
    """

    account = models.ForeignKey(Account, models.CASCADE, null=True, related_name="+", db_index=False)
    number = models.BigIntegerField()
    at = models.DateTimeField()
    event_count = models.PositiveIntegerField()
    first_event_id = models.BigIntegerField()
    # The page shows a batch by it. No constraint: an event that somebody deletes must not take its batch along.
    last_event = models.ForeignKey(AuditEvent, models.DO_NOTHING, related_name="+", db_constraint=False, db_index=False)
    content_hash = models.CharField(max_length=64)
    position = models.BigIntegerField(null=True)
    hash = models.CharField(max_length=64, blank=True, default="")

    objects = AuditBatchQuerySet.as_manager()

    class Meta:
        constraints = [
            models.UniqueConstraint(fields=["number", "account"], name="audit_batch_once"),
            models.UniqueConstraint(Coalesce("account", 0), "position", name="audit_batch_place_once"),
        ]
        indexes = [
            models.Index(fields=["account", "last_event"], name="audit_batch_by_event"),
            models.Index(fields=["account"], name="audit_batch_unlinked", condition=Q(position__isnull=True)),
        ]

    def __str__(self) -> str:
        return f"batch {self.position} of account {self.account_id}"


class AuditChain(models.Model):
    """The newest linked batch of an account, or of what belongs to no account. Locked while batches are linked."""

    account = models.ForeignKey(Account, models.CASCADE, null=True, related_name="+", db_index=False)
    position = models.BigIntegerField(default=0)
    hash = models.CharField(max_length=64, blank=True, default="")

    objects = AccountQuerySet.as_manager()

    class Meta:
        constraints = [models.UniqueConstraint(Coalesce("account", 0), name="audit_chain_once")]

    def __str__(self) -> str:
        return f"{self.position} batches of account {self.account_id}"


class AuditErasure(models.Model):
    """A batch that lost texts of an erased person, which an earlier release had written into its events.

    `content_hash` is the hash of what is left. The batch keeps its own, so its chain holds. `event` is the event that
    records the erasure in the same account: a hash over its rows is in it. See portal.audit.erasure.
    """

    account = models.ForeignKey(Account, models.CASCADE, null=True, related_name="+")
    batch = models.ForeignKey(AuditBatch, models.CASCADE, related_name="+")
    event = models.ForeignKey(AuditEvent, models.DO_NOTHING, related_name="+", db_constraint=False)
    content_hash = models.CharField(max_length=64)

    objects = AccountQuerySet.as_manager()

    def __str__(self) -> str:
        return f"erasure in batch {self.batch_id}"
