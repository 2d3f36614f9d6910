"""Erase a person. The user's row stays, since events and rows of accounts refer to it, and says nothing about them."""

from __future__ import annotations

from collections.abc import Iterable

from allauth.account.models import EmailAddress
from allauth.mfa.models import Authenticator
from allauth.socialaccount.models import SocialAccount
from allauth.usersessions.models import UserSession
from django.contrib.admin.models import LogEntry
from django.contrib.sessions.models import Session
from django.db import transaction
from django.db.models import Exists, OuterRef, Q, QuerySet

from portal import audit
from portal.audit import Context
from portal.audit.erasure import erase_from_events
from portal.authentication.sessions import end_sessions
from portal.db.in_list import in_list
from portal.models import Account, AuditEvent, AuditIdentity, AuditPersonalText, Member, User
from portal.privacy.addresses import ADDRESS_COLUMNS
from portal.privacy.texts import Person, erase_from_texts

OWN_TABLES = (Authenticator, SocialAccount, EmailAddress, UserSession, Member)


class OnlyOwner(Exception):
    """The person is the only owner of these accounts, so nobody could manage them any more."""

    def __init__(self, accounts: list[Account]) -> None:
        super().__init__(", ".join(f"{account.name} ({account.pk})" for account in accounts))
        self.accounts = accounts


def is_known(email: str) -> bool:
    """Whether anything is stored under this address."""
    rows = (model._base_manager.filter(**{f"{column}__iexact": email}) for model, column in ADDRESS_COLUMNS.items())
    return User.objects.filter(email=email).exists() or any(one.exists() for one in rows)


def get_accounts_of_only_owner(user: User) -> list[Account]:
    """The accounts in which the person is the only active owner."""
    others = Member.objects.filter(account=OuterRef("pk"), role=Member.Role.OWNER, user__is_active=True)
    owned = Account.objects.filter(members__user=user, members__role=Member.Role.OWNER)
    return list(owned.filter(~Exists(others.exclude(user=user))).order_by("pk"))


def erase_person(email: str, *, context: Context) -> None:
    """Erase the person with this address, in one transaction. Raises OnlyOwner.

    On PostgreSQL with two roles, call it as the owner of the tables. Mails, invitations and wrong passwords of an
    address that no user has are erased as well.
    """
    with transaction.atomic():
        user = User.objects.select_for_update().filter(email=email).first()
        if user is not None and (accounts := get_accounts_of_only_owner(user)):
            raise OnlyOwner(accounts)
        person = _describe(user, email)
        if user is not None:
            audit.record_about_person(user, context=context, code="person.erased")
            _erase_own_rows(user)
            _erase_from_admin_log(user)
        for model, column in ADDRESS_COLUMNS.items():
            theirs = Q(*((f"{column}__iexact", one) for one in person.emails), _connector="OR")
            model._base_manager.filter(theirs).delete()
        _erase_from_trail(user, person, context)
        erase_from_texts(person)


def _describe(user: User | None, email: str) -> Person:
    """All names and addresses that the person has had, as far as the trail knows them."""
    if user is None:
        return Person(emails=[email], names=[], pseudonym="erased@erased.invalid", accounts=[], user_id=None)
    identities = AuditIdentity.objects.filter(user=user, erased_at__isnull=True)
    emails, names = {email}, {user.name}
    for name, address in identities.values_list("name", "email"):
        emails.add(address)
        names.add(name)
    members = Member.objects.filter(user=user).values("pk")
    about = Q(subject_type="user", subject_id=user.pk) | Q(subject_type="member", subject_id__in=members)
    events = AuditEvent.objects.filter(about | Q(personal_text__user=user), code__in=("person.email", "person.name"))
    for event in events.select_related("personal_text"):
        (emails if event.code == "person.email" else names).update(event.texts[1:3])
    acted = AuditEvent.objects.filter(actor=user, account__isnull=False).order_by().values_list("account_id").distinct()
    member = Member.objects.filter(user=user).values_list("account_id")
    accounts = {account_id for (account_id,) in [*acted, *member]}
    return Person(
        emails=sorted(filter(None, emails)),
        names=sorted(filter(None, names)),
        pseudonym=f"erased-{user.pk}@erased.invalid",
        accounts=sorted(accounts),
        user_id=user.pk,
    )


def _erase_own_rows(user: User) -> None:
    """Sessions, factors, the identity provider's identifier and memberships go; the user's row keeps nothing."""
    end_sessions(UserSession.objects.filter(user=user))
    own = [one.pk for one in Session.objects.iterator() if one.get_decoded().get("_auth_user_id") == str(user.pk)]
    Session.objects.filter(pk__in=in_list(own)).delete()
    for model in OWN_TABLES:
        model._base_manager.filter(user=user).delete()
    user.email, user.name, user.staff_role = f"erased-{user.pk}@erased.invalid", "Erased person", ""
    user.is_active, user.last_login = False, None
    user.set_unusable_password()
    user.save()


def _erase_from_admin_log(user: User) -> None:
    """What Django admin noted about the person. What they did there themselves stays, under the empty user."""
    about = LogEntry.objects.filter(content_type__app_label="portal", content_type__model="user", object_id=user.pk)
    about.update(object_repr="Erased person", change_message="")


def _erase_from_trail(user: User | None, person: Person, context: Context) -> None:
    """Blank the rows that events refer to, and the texts of events that earlier releases wrote."""
    if user is not None:
        AuditIdentity.objects.filter(user=user, erased_at__isnull=True).update(
            name="", email="", salt="", erased_at=context.now
        )
    texts = AuditPersonalText.objects.filter(erased_at__isnull=True)
    named = texts.filter(_contains(person.emails, ("label", "before", "after", "reason")))
    about = {row.pk for row in named if any(person.address_pattern.search(text) for text in _get_texts(row))}
    of_user = texts.filter(user=user) if user else texts.none()
    _blank(of_user, context)
    _blank(texts.filter(pk__in=in_list(sorted(about))), context)
    events = _contains(person.emails, ("subject_label", "before", "after", "reason"))
    if user is not None:
        events |= Q(personal_text__isnull=True, subject_type="user", subject_id=user.pk)
    erase_from_events(events, person.pattern, context=context)


def _blank(texts: QuerySet[AuditPersonalText], context: Context) -> None:
    texts.update(label="", before="", after="", reason="", salt="", erased_at=context.now)


def _get_texts(row: AuditPersonalText) -> tuple[str, ...]:
    return (row.label, row.before, row.after, row.reason)


def _contains(texts: Iterable[str], columns: Iterable[str]) -> Q:
    return Q(*((f"{column}__icontains", text) for column in columns for text in texts), _connector="OR")
