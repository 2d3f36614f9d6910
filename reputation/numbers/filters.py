"""The filter of the lists of numbers. It is in the query string, so that back, reload and sharing a link work."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, fields
from datetime import datetime
from urllib.parse import urlencode

from django.db.models import Exists, OuterRef
from django.db.models.functions import Coalesce

from portal.db.keyset import parse_id
from portal.phone.search import MAX_SEARCH_LENGTH
from reputation.labels import COUNTED_STATUSES
from reputation.models import PhoneNumber, Tag
from reputation.models.counts import FACETS
from reputation.models.engines import TagQuerySet
from reputation.models.numbers import PhoneNumberQuerySet

NO_CAMPAIGN = "none"
# In links and requests of earlier versions: any spam label, which is what *tagged* means now.
FORMER_TAGGED = "labelled"


@dataclass(frozen=True)
class NumberFilter:
    """Empty fields do not filter. `campaign` is an id or "none"; `engine` the id of an engine with an active tag."""

    q: str = ""
    status: str = ""
    capability: str = ""
    campaign: str = ""
    source: str = ""
    engine: str = ""

    @classmethod
    def from_params(cls, params: Mapping[str, str]) -> NumberFilter:
        """Reads the query string. Ignores invalid values, so that a mistyped link still shows the list."""
        values = {field.name: str(params.get(field.name, "")).strip()[:MAX_SEARCH_LENGTH] for field in fields(cls)}
        choices = {
            "status": COUNTED_STATUSES,
            "capability": PhoneNumber.Capability.values,
            "source": PhoneNumber.Source.values,
        }
        if values["status"] == FORMER_TAGGED:
            values["status"] = PhoneNumber.SpamStatus.TAGGED.value
        for name, allowed in choices.items():
            if values[name] not in allowed:
                values[name] = ""
        if values["campaign"] != NO_CAMPAIGN and not parse_id(values["campaign"]):
            values["campaign"] = ""
        if not parse_id(values["engine"]):
            values["engine"] = ""
        return cls(**{name: value.replace("\x00", "") for name, value in values.items()})

    def apply(self, numbers: PhoneNumberQuerySet, now: datetime) -> PhoneNumberQuerySet:
        numbers = numbers.search(self.q)
        if self.status:
            numbers = numbers.with_spam_status(self.status, now)
        if self.capability:
            numbers = numbers.filter(capability=self.capability)
        if self.campaign == NO_CAMPAIGN:
            numbers = numbers.without_campaign()
        elif self.campaign:
            numbers = numbers.in_campaign(int(self.campaign))
        if self.source:
            numbers = numbers.filter(source=self.source)
        if self.engine:
            numbers = numbers.filter(pk__in=self.active_tags.values("number"))
        return numbers

    @property
    def active_tags(self) -> TagQuerySet:
        return Tag.objects.active().filter(engine=int(self.engine))

    def may_include_facet(self, facet: int) -> bool:
        """Whether the filter can include numbers with this PhoneNumber.facet."""
        status, capability, source, _checked = FACETS[facet]
        wanted = {
            PhoneNumber.SpamStatus.TAGGED: PhoneNumber.TAGGED,
            PhoneNumber.STALE: (PhoneNumber.SpamStatus.CLEAN,),
        }.get(self.status, (self.status,))
        return (
            (not self.status or status in wanted)
            and (not self.engine or status in PhoneNumber.TAGGED)
            and (not self.capability or capability == self.capability)
            and (not self.source or source == self.source)
        )

    @property
    def needs_row_filter(self) -> bool:
        """Whether facets and campaigns alone cannot decide which numbers match."""
        return bool(self.q or self.engine or self.status in (PhoneNumber.SpamStatus.CLEAN, PhoneNumber.STALE))

    def apply_row_filter(self, numbers: PhoneNumberQuerySet, now: datetime) -> PhoneNumberQuerySet:
        """Applies the conditions that neither facet nor campaign decides, without their indexes.

        For reading rows in the order of another index until a page is full.
        """
        numbers = numbers.search(self.q, use_index=False)
        if self.engine:
            numbers = numbers.filter(Exists(self.active_tags.filter(number=OuterRef("pk"))))
        numbers = numbers.alias(no_index_fresh_until=Coalesce("fresh_until", "fresh_until"))
        if self.status == PhoneNumber.STALE:
            return numbers.filter(no_index_fresh_until__lte=now)
        return numbers.filter(no_index_fresh_until__gt=now) if self.status == PhoneNumber.SpamStatus.CLEAN else numbers

    @property
    def is_empty(self) -> bool:
        return not any(getattr(self, field.name) for field in fields(self))

    def query_string(self) -> str:
        return urlencode({field.name: value for field in fields(self) if (value := getattr(self, field.name))})
