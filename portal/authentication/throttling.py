"""Growing delays for whoever guesses, which cannot be used to lock somebody else out.

Every attempt is counted before it is made, in the database, so that attempts at the same time count, whichever process
answers them. After some attempts each further one has to wait, twice as long each time. Whoever succeeds starts anew.

Guesses at a person's password from anywhere are counted together. An attacker who makes them wait does not keep the
person out: a browser in which they signed in before has a count of its own (portal.authentication.devices), passkeys
are not guessed, and a link by mail makes the browser a known one.
"""

from __future__ import annotations

import logging
import math
from collections.abc import Collection, Iterable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import datetime, timedelta
from ipaddress import ip_network

from django.core.exceptions import ValidationError
from django.db import transaction
from django.db.models import F
from django.utils.crypto import salted_hmac

from portal.models import AttemptCount

logger = logging.getLogger(__name__)

# Attempts that are longer ago do not count any more.
FORGOTTEN_AFTER = timedelta(days=1)
SALT = "portal.authentication.throttling"
THROTTLED = "throttled"


@dataclass(frozen=True)
class Limit:
    """How many attempts need not wait, how long the next one waits at first, and at the longest."""

    name: str
    free: int
    longest: timedelta
    first: timedelta = timedelta(seconds=1)


PERSON = Limit("person", 5, timedelta(minutes=15))
DEVICE = Limit("device", 10, timedelta(minutes=15))
CODE = Limit("code", 5, timedelta(minutes=15))
CONFIRMATION = Limit("confirmation", 10, timedelta(minutes=15))
# Several people may share an address.
IDENTITY_PROVIDER = Limit("identity provider", 60, timedelta(minutes=15))
ADDRESS = Limit("address", 20, timedelta(minutes=15))
API_ADDRESS = Limit("API address", 30, timedelta(minutes=5))
MAIL = Limit("mail", 3, timedelta(hours=1), first=timedelta(minutes=1))
MAIL_ADDRESS = Limit("mail address", 10, timedelta(hours=1), first=timedelta(minutes=1))
INVITATIONS = Limit("invitations", 30, timedelta(hours=1), first=timedelta(minutes=1))


@dataclass(frozen=True)
class Subject:
    """Whose attempts are counted: a person's address, a network, an account."""

    limit: Limit
    name: str

    @property
    def key(self) -> str:
        return salted_hmac(SALT, f"{self.limit.name}:{self.name}", algorithm="sha256").hexdigest()


class MustWait(Exception):
    """The attempt was not made. `seconds` is how long to wait, at least 1."""

    def __init__(self, seconds: int) -> None:
        super().__init__(f"Too many attempts. Wait {seconds} seconds.")
        self.seconds = seconds

    @property
    def sentence(self) -> str:
        """For people. It tells nothing about whether the person exists."""
        if self.seconds < 60:
            return f"There were too many attempts. Try again in {self.seconds} second{'s' * (self.seconds > 1)}."
        minutes = math.ceil(self.seconds / 60)
        return f"There were too many attempts. Try again in {minutes} minute{'s' * (minutes > 1)}."


@contextmanager
def refuse_if_throttled() -> Iterator[None]:
    """Turns MustWait into an error of the form, with the code THROTTLED."""
    try:
        yield
    except MustWait as error:
        raise ValidationError(error.sentence, code=THROTTLED) from error


def get_network(address: str) -> str:
    """What counts as one address: an IPv4 address, or the /64 network that a customer with IPv6 has to themselves."""
    return str(ip_network(f"{address}/64", strict=False)) if ":" in address else address


def begin_attempt(subjects: Sequence[Subject], *, now: datetime) -> None:
    """Count an attempt for each of the subjects. Raises MustWait, and counts nothing, if one of them has to wait."""
    limits = {subject.key: subject.limit for subject in subjects}
    # Without a write: whoever guesses on while they have to wait costs the portal one row that is read.
    _require_no_wait(AttemptCount.objects.filter(key__in=limits, waits_until__gt=now), limits.values(), now)
    with transaction.atomic():
        AttemptCount.objects.bulk_create([AttemptCount(key=key, last_at=now) for key in limits], ignore_conflicts=True)
        # In the order of the keys, so that two requests with the same keys do not wait for each other.
        rows = list(AttemptCount.objects.select_for_update().filter(key__in=limits).order_by("key"))
        _require_no_wait(rows, limits.values(), now)
        for row in rows:
            row.attempts = 1 if abs(now - row.last_at) > FORGOTTEN_AFTER else row.attempts + 1
            row.last_at = now
            delay = get_delay(limits[row.key], row.attempts)
            row.waits_until = now + delay if delay else None
            if delay:
                # Once for each wait that begins: whoever guesses on meanwhile cannot fill the log.
                logger.warning("Too many attempts (%s): the next waits %s.", limits[row.key].name, delay)
        AttemptCount.objects.bulk_update(rows, ["attempts", "last_at", "waits_until"])


def _require_no_wait(rows: Iterable[AttemptCount], limits: Collection[Limit], now: datetime) -> None:
    longest = max((row.waits_until - now for row in rows if row.waits_until), default=timedelta(0))
    # A wait that is longer than any limit is from a clock that was set back.
    if timedelta(0) < longest <= max(limit.longest for limit in limits):
        raise MustWait(math.ceil(longest.total_seconds()))


def note_success(*, cleared: Sequence[Subject] = (), refunded: Sequence[Subject] = ()) -> None:
    """The attempt was right. Counts of `cleared` end.

    Counts of `refunded` lose this attempt only: otherwise whoever guesses could sign in as themselves in between.
    """
    if cleared:
        AttemptCount.objects.filter(key__in=[subject.key for subject in cleared]).delete()
    if refunded:
        keys = [subject.key for subject in refunded]
        AttemptCount.objects.filter(key__in=keys, attempts__gt=0).update(attempts=F("attempts") - 1, waits_until=None)


def get_delay(limit: Limit, attempts: int) -> timedelta:
    """How long the next attempt has to wait after this many."""
    if attempts < limit.free:
        return timedelta(0)
    return min(limit.first * 2 ** min(attempts - limit.free, 30), limit.longest)
