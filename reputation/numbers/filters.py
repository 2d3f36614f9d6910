"""What somebody filters the numbers by: read from the query string, so that back, reload and sharing work."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, fields
from datetime import datetime
from urllib.parse import urlencode

from django.db.models import Exists, OuterRef
from django.db.models.functions import Coalesce

from reputation.labels import COUNTED_STATUSES
from reputation.models import PhoneNumber, Tag
from reputation.models.counts import FACETS
from reputation.models.engines import TagQuerySet
from reputation.models.numbers import PhoneNumberQuerySet

NO_CAMPAIGN = "none"


@dataclass(frozen=True)
class NumberFilter:
    """Empty fields do not filter. `campaign` is an id or "none"; `engine` the id of one whose tag stands."""

    q: str = ""
    status: str = ""
    capability: str = ""
    campaign: str = ""
    source: str = ""
    engine: str = ""

    @classmethod
    def read(cls, params: Mapping[str, str]) -> NumberFilter:
        """Takes what makes sense of the query string and leaves out the rest: a mistyped link still shows the list."""
        read = {field.name: str(params.get(field.name, "")).strip()[:80] for field in fields(cls)}
        allowed = {
            "status": (PhoneNumber.LABELLED, *COUNTED_STATUSES),
            "capability": PhoneNumber.Capability.values,
            "source": PhoneNumber.Source.values,
        }
        for name, values in allowed.items():
            if read[name] not in values:
                read[name] = ""
        if read["campaign"] != NO_CAMPAIGN and not _is_id(read["campaign"]):
            read["campaign"] = ""
        if not _is_id(read["engine"]):
            read["engine"] = ""
        return cls(**{name: value.replace("\x00", "") for name, value in read.items()})

    def apply(self, numbers: PhoneNumberQuerySet, now: datetime) -> PhoneNumberQuerySet:
        numbers = numbers.matching(self.q)
        if self.status:
            numbers = numbers.with_spam_status(self.status, now)
        if self.capability:
            numbers = numbers.filter(capability=self.capability)
        if self.campaign == NO_CAMPAIGN:
            numbers = numbers.outside_campaigns()
        elif self.campaign:
            numbers = numbers.in_campaign(int(self.campaign))
        if self.source:
            numbers = numbers.filter(source=self.source)
        if self.engine:
            numbers = numbers.filter(pk__in=self.standing_tags.values("number"))
        return numbers

    @property
    def standing_tags(self) -> TagQuerySet:
        return Tag.objects.standing().filter(engine=int(self.engine))

    def leaves(self, facet: int) -> bool:
        """Whether numbers of this facet (PhoneNumber.facet) can be among those it leaves."""
        status, capability, source, _checked = FACETS[facet]
        wanted = {
            PhoneNumber.LABELLED: PhoneNumber.TAGGED,
            "tagged": (PhoneNumber.SpamStatus.TAGGED, PhoneNumber.SpamStatus.TAGGED_AGAIN),
            PhoneNumber.STALE: (PhoneNumber.SpamStatus.CLEAN,),
        }.get(self.status, (self.status,))
        return (
            (not self.status or status in wanted)
            and (not self.engine or status in PhoneNumber.TAGGED)  # where a tag stands
            and (not self.capability or capability == self.capability)
            and (not self.source or source == self.source)
        )

    @property
    def asks_more(self) -> bool:
        """Whether it asks for more than facets and campaigns say."""
        return bool(self.q or self.engine or self.status in (PhoneNumber.SpamStatus.CLEAN, PhoneNumber.STALE))

    def apply_rest(self, numbers: PhoneNumberQuerySet, now: datetime) -> PhoneNumberQuerySet:
        """What neither a facet nor a campaign says, asked of each number by itself: for reading on from a place until
        a page is full."""
        numbers = numbers.matching(self.q, by_index=False)
        if self.engine:
            numbers = numbers.filter(Exists(self.standing_tags.filter(number=OuterRef("pk"))))
        numbers = numbers.alias(no_index_fresh_until=Coalesce("fresh_until", "fresh_until"))
        if self.status == PhoneNumber.STALE:
            return numbers.filter(no_index_fresh_until__lte=now)
        return numbers.filter(no_index_fresh_until__gt=now) if self.status == PhoneNumber.SpamStatus.CLEAN else numbers

    @property
    def is_empty(self) -> bool:
        return not any(getattr(self, field.name) for field in fields(self))

    def query_string(self) -> str:
        return urlencode({field.name: value for field in fields(self) if (value := getattr(self, field.name))})


def _is_id(text: str) -> bool:
    return text.isdecimal() and len(text) < 19
