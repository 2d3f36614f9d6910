"""Factories of model instances. Phone numbers are valid numbers of the United States by default."""

import uuid
from datetime import date, timedelta

import factory
from django.utils import timezone
from factory.django import DjangoModelFactory

from enrollment.models import Application
from portal.accounts.licensing import Product
from portal.models import Account, Invitation, Licence, Member, User, WebhookEndpoint
from portal.phone.numbers import parse_number
from portal.webhooks.events import EVENT_TYPES
from reputation.models import (
    Campaign,
    Case,
    Check,
    Complaint,
    ComplaintFile,
    Desk,
    DeskRequest,
    Engine,
    FccComplaintCount,
    FccNumber,
    PhoneNumber,
    Submission,
    Tag,
    Telephone,
)


class UserFactory(DjangoModelFactory):
    class Meta:
        model = User
        skip_postgeneration_save = True

    email = factory.Sequence(lambda n: f"person{n}@example.com")
    name = factory.Faker("name")
    password = factory.django.Password("correct horse battery")


class AccountFactory(DjangoModelFactory):
    class Meta:
        model = Account

    name = factory.Sequence(lambda n: f"Business {n}")


class MemberFactory(DjangoModelFactory):
    class Meta:
        model = Member

    account = factory.SubFactory(AccountFactory)
    user = factory.SubFactory(UserFactory)
    role = Member.Role.ADMIN


class InvitationFactory(DjangoModelFactory):
    class Meta:
        model = Invitation

    account = factory.SubFactory(AccountFactory)
    email = factory.Sequence(lambda n: f"guest{n}@example.com")
    role = Member.Role.VIEWER


class LicenceFactory(DjangoModelFactory):
    class Meta:
        model = Licence

    account = factory.SubFactory(AccountFactory)
    product = Product.CONTACT_CENTER_ELITE
    seats = 1


class WebhookEndpointFactory(DjangoModelFactory):
    """An endpoint that is subscribed to all event types."""

    class Meta:
        model = WebhookEndpoint

    account = factory.SubFactory(AccountFactory)
    url = factory.Sequence(lambda n: f"https://receiver{n}.example.com/hook")
    event_types = " ".join(EVENT_TYPES)
    secret = "whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw"
    created_at = factory.LazyFunction(timezone.now)
    state_since = factory.SelfAttribute("created_at")


class ApplicationFactory(DjangoModelFactory):
    class Meta:
        model = Application

    account = factory.SubFactory(AccountFactory)
    state = Application.State.APPROVED
    legal_name = factory.LazyAttribute(lambda application: application.account.name)
    revision = factory.LazyAttribute(lambda application: int(application.state != Application.State.DRAFT))
    submitted_at = factory.LazyAttribute(lambda application: timezone.now() if application.revision else None)


class CampaignFactory(DjangoModelFactory):
    class Meta:
        model = Campaign

    account = factory.SubFactory(AccountFactory)
    name = factory.Sequence(lambda n: f"Campaign {n}")


class PhoneNumberFactory(DjangoModelFactory):
    class Meta:
        model = PhoneNumber

    account = factory.SubFactory(AccountFactory)
    e164 = factory.Sequence(lambda n: f"+1206{2_000_000 + n}")
    region = factory.LazyAttribute(lambda number: parse_number(number.e164).region)
    kind = factory.LazyAttribute(lambda number: parse_number(number.e164).kind)
    area_code = factory.LazyAttribute(lambda number: parse_number(number.e164).area_code)
    tagged_since = factory.LazyAttribute(
        lambda number: timezone.now() if getattr(number, "spam_status", "") in PhoneNumber.TAGGED else None
    )
    ever_checked = factory.LazyAttribute(lambda number: getattr(number, "checked_at", None) is not None)


class MonitoredNumberFactory(PhoneNumberFactory):
    """A verified number that was not looked up yet."""

    capability = PhoneNumber.Capability.ON
    spam_status = PhoneNumber.SpamStatus.UNKNOWN
    next_action_at = factory.LazyFunction(timezone.now)


class EngineFactory(DjangoModelFactory):
    class Meta:
        model = Engine
        django_get_or_create = ("slug",)

    slug = factory.Sequence(lambda n: f"engine-{n}")
    name = factory.LazyAttribute(lambda engine: engine.slug.title())


EFFECTS = {
    Check.Verdict.CLEAN: Check.Effect.CLEARS,
    Check.Verdict.WARNING: Check.Effect.RISK,
    Check.Verdict.LABELLED: Check.Effect.TAGS,
    Check.Verdict.BLOCKED: Check.Effect.TAGS,
    Check.Verdict.PENDING: Check.Effect.NONE,
    Check.Verdict.UNKNOWN: Check.Effect.NONE,
}


class CheckFactory(DjangoModelFactory):
    """A current, fresh check without a label."""

    class Meta:
        model = Check

    number = factory.SubFactory(MonitoredNumberFactory)
    account = factory.SelfAttribute("number.account")
    engine = factory.SubFactory(EngineFactory)
    provider = "simulated"
    verdict = Check.Verdict.CLEAN
    effect = factory.LazyAttribute(lambda check: EFFECTS[check.verdict])
    first_at = factory.LazyFunction(timezone.now)
    last_at = factory.LazyAttribute(lambda check: check.first_at)
    received_at = factory.LazyAttribute(lambda check: check.last_at)
    valid_until = factory.LazyAttribute(lambda check: check.last_at + timedelta(days=2))


class CaseFactory(DjangoModelFactory):
    """A case opened now. Call spam_status.recompute to set the number's spam status."""

    class Meta:
        model = Case

    number = factory.SubFactory(MonitoredNumberFactory)
    account = factory.SelfAttribute("number.account")
    opened_at = factory.LazyFunction(timezone.now)
    state_since = factory.LazyAttribute(lambda case: case.opened_at)
    expected_by = factory.LazyAttribute(lambda case: case.opened_at + timedelta(days=2))
    deadline_at = factory.LazyAttribute(lambda case: case.opened_at + timedelta(days=7))
    next_action_at = factory.LazyAttribute(lambda case: case.opened_at)


class TagFactory(DjangoModelFactory):
    """An active tag."""

    class Meta:
        model = Tag

    number = factory.SubFactory(MonitoredNumberFactory)
    account = factory.SelfAttribute("number.account")
    engine = factory.SubFactory(EngineFactory)
    label = "Spam Likely"
    detected_at = factory.LazyFunction(timezone.now)


class SubmissionFactory(DjangoModelFactory):
    class Meta:
        model = Submission

    case = factory.SubFactory(CaseFactory)
    engine = factory.SubFactory(EngineFactory)
    next_action_at = factory.LazyAttribute(lambda submission: submission.case.opened_at)


class ComplaintFactory(DjangoModelFactory):
    """A complaint at the FTC, made now."""

    class Meta:
        model = Complaint

    e164 = "+12065550143"
    created_at = factory.LazyFunction(timezone.now)
    counts_from = factory.LazyAttribute(lambda complaint: complaint.created_at)
    subject = "Dropped call or no message"
    file = factory.LazyFunction(
        lambda: ComplaintFile.objects.get_or_create(sha256="0" * 64, defaults={"started_at": timezone.now()})[0]
    )
    fingerprint = factory.LazyFunction(uuid.uuid4)
    occurrence = 0


class FccNumberFactory(DjangoModelFactory):
    """A number that the FCC was asked about now, with the data of 3 October 2026."""

    class Meta:
        model = FccNumber

    e164 = "+12065550143"
    rows_updated_at = 1_791_003_647
    asked_at = factory.LazyFunction(timezone.now)


class FccComplaintCountFactory(DjangoModelFactory):
    """One complaint of 3 October 2026."""

    class Meta:
        model = FccComplaintCount

    number = factory.SubFactory(FccNumberFactory)
    issue = "Unwanted Calls"
    call_type = "Prerecorded Voice"
    is_spoofing_report = False
    count = 1
    first_day = date(2026, 10, 3)
    last_day = factory.SelfAttribute("first_day")


class TelephoneFactory(DjangoModelFactory):
    """A postpaid telephone on T-Mobile that is proven for the next 90 days."""

    class Meta:
        model = Telephone

    account = factory.SubFactory(AccountFactory)
    name = factory.Sequence(lambda n: f"Phone {n}")
    e164 = factory.Sequence(lambda n: f"+1425{2_000_000 + n}")
    carrier = "T-Mobile"
    proven_until = factory.LazyFunction(lambda: timezone.now() + timedelta(days=90))


class DeskFactory(DjangoModelFactory):
    """A desk that reviews the labels of the `engines` it is created with. It replaces a shipped one with its slug."""

    class Meta:
        model = Desk
        skip_postgeneration_save = True

    slug = factory.Sequence(lambda n: f"desk-{n}")
    name = factory.LazyAttribute(lambda desk: desk.slug.title())
    kind = Desk.Kind.ENGINE
    form = Desk.Form.HIYA_TEXT
    answer_days = 7
    source = "A test."
    read_on = date(2026, 11, 26)
    certainty = Desk.Certainty.SECONDARY

    @classmethod
    def _create(cls, model_class, *args, **kwargs):
        model_class.objects.filter(slug=kwargs["slug"]).delete()
        return super()._create(model_class, *args, **kwargs)

    @factory.post_generation
    def engines(self, create, extracted, **kwargs):
        self.engines.set(extracted or [])


class DeskRequestFactory(DjangoModelFactory):
    """A request that is to be sent in the next days."""

    class Meta:
        model = DeskRequest

    case = factory.SubFactory(CaseFactory)
    number = factory.SelfAttribute("case.number")
    account = factory.SelfAttribute("case.account")
    desk = factory.SubFactory(DeskFactory)
    engine = factory.SubFactory(EngineFactory)
    state_since = factory.LazyFunction(timezone.now)
    due_at = factory.LazyAttribute(lambda request: request.state_since + timedelta(days=2))
