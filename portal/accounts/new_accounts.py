"""Create an account with its licences, its owner and the first staff, in one step; or say what exists already."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from django.contrib.auth.hashers import make_password
from django.core.exceptions import ValidationError
from django.core.validators import validate_email
from django.db import transaction

from portal import audit
from portal.accounts.licensing import OWN_PRODUCT, save_licence
from portal.accounts.members import MembershipError, add_member
from portal.accounts.passwords import enqueue_staff_invitation
from portal.accounts.roles import get_active_staff
from portal.audit import Context
from portal.models import Account, Licence, Member, Product, User, validate_time_zone

MAX_SEATS = 2_000_000_000


class NotCreated(Exception):
    """Nothing was changed. The message says why, and what to do."""


@dataclass(frozen=True)
class NewAccount:
    """What is asked for. `licences` are pairs of product and seats. `is_own`: the business runs the portal itself."""

    name: str
    owner: str
    reviewer: str = ""
    licences: Sequence[tuple[str, int]] = ()
    time_zone: str = "America/New_York"
    is_own: bool = False


@dataclass(frozen=True)
class Outcome:
    """What was done or found, a sentence each, and the people who may need a link to set their password."""

    is_new: bool
    sentences: list[str]
    people: list[User]


def parse_licence(text: str) -> tuple[str, int]:
    """Read PRODUCT or PRODUCT=SEATS, such as phone_pro or monitoring_sku=500. Raises NotCreated."""
    code, has_seats, seats = text.strip().partition("=")
    if code == OWN_PRODUCT:
        raise NotCreated("The licence Own installation is granted with --own.")
    if code not in Product.values:
        known = ", ".join(product for product in Product.values if product != OWN_PRODUCT)
        raise NotCreated(f"There is no licence {code}. The licences are: {known}.")
    if has_seats and not (seats.isascii() and seats.isdigit() and 1 <= int(seats) <= MAX_SEATS):
        raise NotCreated(f"{text}: the seats are a number of 1 or more, as in monitoring_sku=500.")
    return code, int(seats) if has_seats else 1


def create_account(new: NewAccount, context: Context) -> Outcome:
    """Create everything, or nothing. If the account exists with this owner, say what it has. Raises NotCreated."""
    _check(new)
    with transaction.atomic():
        if Account.objects.filter(name=new.name).exists():
            return _describe_existing(new)
        account = Account.objects.create(name=new.name, time_zone=new.time_zone, created_at=context.now)
        audit.record_event(account=account, context=context, code="account.added", subject=account, after=account.name)
        sentences = [f"The account {account} was created."]
        licences = [(str(OWN_PRODUCT), 1)] if new.is_own else list(new.licences)
        for product, seats in licences:
            licence = Licence(account=account, product=product, seats=seats)
            save_licence(licence, context)
            sentences.append(f"Licence: {licence}.")
        try:
            member = add_member(account=account, email=new.owner, role=Member.Role.OWNER, context=context)
        except MembershipError as error:
            raise NotCreated(f"{new.owner} cannot become the owner. {error}") from None
        sentences.append(f"{member.user.email} is the owner, and gets a mail that says how to sign in.")
        people = [member.user, *_add_staff(new, member.user, context, sentences)]
    return Outcome(is_new=True, sentences=sentences, people=people)


def _check(new: NewAccount) -> None:
    for address in (new.owner, *([new.reviewer] if new.reviewer else [])):
        try:
            validate_email(address)
        except ValidationError:
            raise NotCreated(f"{address} is not an e-mail address. Write it as dana@example.com.") from None
    if not new.name or len(new.name) > 120:
        raise NotCreated("The name of an account has 1 to 120 characters.")
    if new.is_own and new.licences:
        raise NotCreated("An own installation needs no other licence: its licence covers every number. Omit --licence.")
    if new.reviewer.lower() == new.owner.lower():
        raise NotCreated("The owner may not decide on their own enrollment. Name another reviewer, or use --own.")
    try:
        validate_time_zone(new.time_zone)
    except ValidationError as error:
        raise NotCreated(error.messages[0]) from None


def _add_staff(new: NewAccount, owner: User, context: Context, sentences: list[str]) -> list[User]:
    """Give the reviewer, and the owner of an own installation, their roles; return who is invited for that."""
    others = get_active_staff().exclude(pk=owner.pk)
    if new.is_own and not others.exists() and not new.reviewer:
        _set_staff_role(owner, User.StaffRole.SUPERUSER)
        sentences.append(
            f"{owner.email} is the superuser of the administration, too, and decides on the enrollment of {new.name}, "
            "as long as nobody else is staff."
        )
    elif new.is_own and not new.reviewer:
        sentences.append(f"{owner.email} got no staff role, because there is staff. They decide on the enrollment.")
    if not new.reviewer:
        return []
    has_superuser = get_active_staff().filter(staff_role=User.StaffRole.SUPERUSER).exists()
    role = User.StaffRole.REVIEWER if has_superuser else User.StaffRole.SUPERUSER
    reviewer, _ = User.objects.get_or_create(
        email=new.reviewer.strip().lower(), defaults={"password": make_password(None)}
    )
    if not reviewer.is_active:
        raise NotCreated(f"{reviewer.email} is kept from signing in. A superuser can change that under Users.")
    if reviewer.is_staff:
        sentences.append(f"{reviewer.email} is staff already: {reviewer.get_staff_role_display().lower()}.")
        return []
    _set_staff_role(reviewer, role)
    enqueue_staff_invitation(reviewer, now=context.now)
    sentences.append(f"{reviewer.email} is {role.label.lower()} of the administration, and gets a mail.")
    return [reviewer]


def _set_staff_role(user: User, role: User.StaffRole) -> None:
    user.staff_role = role
    user.save(update_fields=["staff_role"])


def _describe_existing(new: NewAccount) -> Outcome:
    """Say what an account of this name has. Raises NotCreated if it has other owners."""
    owners = Member.objects.filter(account__name=new.name, role=Member.Role.OWNER).select_related("user", "account")
    member = owners.filter(user__email=new.owner.strip().lower()).order_by("pk").first()
    if member is None:
        raise NotCreated(
            f"An account named {new.name} exists already, and {new.owner} is not its owner. Nothing was changed. "
            "Choose another name, or let an operator add the owner to that account in the administration."
        )
    licences = list(Licence.objects.for_account(member.account).order_by("pk"))
    sentences = [f"The account {new.name} exists already. Nothing was changed."]
    sentences += [f"Licence: {licence}." for licence in licences] or ["It has no licence."]
    sentences.append(f"{member.user.email} is an owner.")
    wanted = {str(OWN_PRODUCT)} if new.is_own else {product for product, _ in new.licences}
    missing = sorted(Product(code).label for code in wanted - {licence.product for licence in licences})
    sentences += [f"It does not have {label}: an operator adds it in the administration." for label in missing]
    people = [member.user]
    for user in get_active_staff().order_by("email"):
        sentences.append(f"{user.email} is {user.get_staff_role_display().lower()} of the administration.")
        people += [user] if user.pk != member.user.pk else []
    return Outcome(is_new=False, sentences=sentences, people=people)
