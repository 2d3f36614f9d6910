"""The audit trail: one event for each step of a number, a case and an application; and who may act for an account."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime, timedelta

from django.db.models import Count, Exists, F, IntegerField, OuterRef, Q, QuerySet, Subquery, Value, Window
from django.db.models.functions import Coalesce, Lag

from enrollment.models import Application, Transition
from portal.models import Account, ApiKey, AuditEvent, Member
from reputation.invariants.registry import Invariant
from reputation.models import Case, PhoneNumber

# Uses of a key are stored a little later.
_KEY_GRACE = timedelta(minutes=5)
_CAPABILITY_CODES = [f"capability.{state}" for state in PhoneNumber.Capability.values]
_CASE_CODES = ["case.opened", *(f"case.{state}" for state in Case.State.values)]
_PRESENCE_CODES = ["number.added", "number.restored", "number.removed"]
_APPLICATION_CODES = ["application.withdrawn", *(f"application.{state}" for state in Application.State.values)]
_MEMBER_CODES = ["member.role", "member.removed"]


def _get_steps(codes: Sequence[str], field: str) -> QuerySet[AuditEvent]:
    """The events with these codes, and the value of `field` of the one before about the same object."""
    events = AuditEvent.objects.filter(code__in=codes).order_by()
    return events.annotate(previous=Window(Lag(field), partition_by=[F("subject_id")], order_by=F("pk").asc()))


def _find_broken(codes: Sequence[str], first: str) -> QuerySet[AuditEvent]:
    """Steps that do not begin where the one before ended, or the first where an object begins."""
    return _get_steps(codes, "after").exclude(before=Coalesce(F("previous"), Value(first)))


def _get_last(codes: Sequence[str], subject_type: str, field: str) -> Subquery:
    of_object = AuditEvent.objects.filter(
        account=OuterRef("account"), subject_type=subject_type, subject_id=OuterRef("pk"), code__in=codes
    )
    return Subquery(of_object.order_by("-pk").values(field)[:1])


def _find_broken_capabilities(now: datetime) -> QuerySet[AuditEvent]:
    return _find_broken(_CAPABILITY_CODES, PhoneNumber.Capability.OFF)


def _find_unrecorded_capabilities(now: datetime) -> QuerySet[PhoneNumber]:
    last = Coalesce(_get_last(_CAPABILITY_CODES, "phonenumber", "after"), Value(str(PhoneNumber.Capability.OFF)))
    return PhoneNumber.objects.alias(last=last).exclude(capability=F("last"))


def _find_broken_cases(now: datetime) -> QuerySet[AuditEvent]:
    return _find_broken(_CASE_CODES, "")


def _find_unrecorded_cases(now: datetime) -> QuerySet[Case]:
    last = Coalesce(_get_last(_CASE_CODES, "case", "after"), Value(""))
    return Case.objects.alias(last=last).exclude(state=F("last"))


def _find_broken_presence(now: datetime) -> QuerySet[AuditEvent]:
    """Numbers that were removed twice, or restored without a removal."""
    restored = Q(code="number.restored") & ~Q(previous="number.removed")
    added = Q(code="number.added", previous__isnull=False)
    removed_twice = Q(code="number.removed", previous="number.removed")
    return _get_steps(_PRESENCE_CODES, "code").filter(restored & Q(previous__isnull=False) | added | removed_twice)


def _find_unrecorded_presence(now: datetime) -> QuerySet[PhoneNumber]:
    numbers = PhoneNumber.objects.alias(last=_get_last(_PRESENCE_CODES, "phonenumber", "code"))
    removed = Q(last="number.removed")
    return numbers.filter(
        removed & Q(removed_at__isnull=True) | Q(removed_at__isnull=False) & (~removed | Q(last__isnull=True))
    )


def _find_wrong_applications(now: datetime) -> QuerySet[Application]:
    transitions = Transition.objects.filter(application=OuterRef("pk")).order_by()
    last = Subquery(transitions.order_by("-pk").values("to_state")[:1])
    steps = transitions.values("application").annotate(count=Count("pk")).values("count")
    events = AuditEvent.objects.filter(
        account=OuterRef("account"),
        subject_type="application",
        subject_id=OuterRef("pk"),
        code__in=_APPLICATION_CODES,
    )
    recorded = events.order_by().values("subject_id").annotate(count=Count("pk")).values("count")
    submitted = Application.objects.filter(revision__gt=0).alias(
        last=Coalesce(last, Value("")),
        steps=Coalesce(Subquery(steps, output_field=IntegerField()), 0),
        recorded=Coalesce(Subquery(recorded, output_field=IntegerField()), 0),
    )
    return submitted.filter(~Q(state=F("last")) | ~Q(steps=F("recorded")))


def _find_without_owner(now: datetime) -> QuerySet[Account]:
    """Accounts whose last owner became something else, or was removed."""
    was_owner = AuditEvent.objects.filter(account=OuterRef("pk"), code__in=_MEMBER_CODES, before=Member.Role.OWNER)
    members = Member.objects.filter(account=OuterRef("pk"))
    return Account.objects.filter(Exists(was_owner), ~Exists(members.filter(role=Member.Role.OWNER)))


def _find_used_after_end(now: datetime) -> QuerySet[ApiKey]:
    return ApiKey.objects.filter(
        Q(last_used_at__gt=F("revoked_at") + _KEY_GRACE) | Q(last_used_at__gt=F("expires_at") + _KEY_GRACE)
    )


INVARIANTS = (
    Invariant(
        "capability_steps",
        "Each event about the capability of a number begins where the one before ended.",
        _find_broken_capabilities,
    ),
    Invariant(
        "capability_recorded",
        "The last event about the capability of a number says what the capability is.",
        _find_unrecorded_capabilities,
    ),
    Invariant(
        "case_steps", "Each event about the state of a case begins where the one before ended.", _find_broken_cases
    ),
    Invariant(
        "case_recorded", "The last event about the state of a case says what the state is.", _find_unrecorded_cases
    ),
    Invariant(
        "number_steps",
        "A number is added once, removed only while it is there, and restored only while it is not.",
        _find_broken_presence,
    ),
    Invariant(
        "number_recorded",
        "A number is removed if and only if the last event about it says so.",
        _find_unrecorded_presence,
    ),
    Invariant(
        "application_steps",
        "An enrollment is in the state of its last step, and the audit trail has one event for each step.",
        _find_wrong_applications,
    ),
    Invariant("owners", "An account that has had an owner has one.", _find_without_owner),
    Invariant("api_keys", "An API key is not used once it is revoked or has expired.", _find_used_after_end),
)
