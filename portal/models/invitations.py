"""Invitations of people to accounts."""

from __future__ import annotations

from datetime import datetime, timedelta

from django.db import models
from django.utils import timezone

from portal.models.accounts import Account, AccountQuerySet, LowerCaseEmailField, Member, User

INVITATION_LIFETIME = timedelta(days=14)


class InvitationQuerySet(AccountQuerySet["Invitation"]):
    def open(self, now: datetime) -> InvitationQuerySet:
        """Those that can be accepted."""
        return self.filter(created_at__gt=now - INVITATION_LIFETIME)

    def for_person(self, user: User) -> InvitationQuerySet:
        return self.filter(email=user.email)


class Invitation(models.Model):
    """A person is asked to become a member of an account. The row is deleted once they have answered."""

    account = models.ForeignKey(Account, models.CASCADE, related_name="invitations", db_index=False)
    email = LowerCaseEmailField("e-mail", db_index=True)
    role = models.CharField(max_length=10, choices=Member.Role)
    invited_by = models.ForeignKey(User, models.SET_NULL, null=True, related_name="+")
    created_at = models.DateTimeField(default=timezone.now, db_index=True)

    objects = InvitationQuerySet.as_manager()

    class Meta:
        constraints = [models.UniqueConstraint(fields=["account", "email"], name="invited_once_to_account")]

    def __str__(self) -> str:
        return self.email

    @property
    def expires_at(self) -> datetime:
        return self.created_at + INVITATION_LIFETIME
