"""What tests are made of. Numbers are valid ones of the United States unless a test says otherwise."""

import factory
from django.utils import timezone
from factory.django import DjangoModelFactory

from enrollment.models import Application
from portal.licensing import Product
from portal.models import Account, Licence, Member, User
from portal.numbers import parse
from reputation.models import Campaign, Engine, PhoneNumber


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


class LicenceFactory(DjangoModelFactory):
    class Meta:
        model = Licence

    account = factory.SubFactory(AccountFactory)
    product = Product.CONTACT_CENTER_ELITE
    seats = 1


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
    region = factory.LazyAttribute(lambda number: parse(number.e164).region)
    kind = factory.LazyAttribute(lambda number: parse(number.e164).kind)
    area_code = factory.LazyAttribute(lambda number: parse(number.e164).area_code)


class MonitoredNumberFactory(PhoneNumberFactory):
    """On, as after a verification; looked up never yet."""

    capability = PhoneNumber.Capability.ON
    spam_status = PhoneNumber.SpamStatus.UNKNOWN
    next_action_at = factory.LazyFunction(timezone.now)


class EngineFactory(DjangoModelFactory):
    class Meta:
        model = Engine
        django_get_or_create = ("slug",)

    slug = factory.Sequence(lambda n: f"engine-{n}")
    name = factory.LazyAttribute(lambda engine: engine.slug.title())
    provider = "simulated"
