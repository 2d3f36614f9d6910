"""Helpers of the tests of the campaign pages."""

from __future__ import annotations

from datetime import datetime, timedelta

from django.http import HttpResponse
from django.test import Client
from django.urls import reverse

from portal.models import AuditEvent
from reputation.models import Campaign, Case, PhoneNumber, Tag
from tests.factories import EngineFactory


def create_tag(number: PhoneNumber, *, now: datetime, state: str = Case.State.IN_REVIEW) -> Case:
    """Tag the number by Hiya, with a case in this state."""
    case = Case.objects.create(
        account=number.account,
        number=number,
        state=state,
        state_since=now,
        opened_at=now,
        deadline_at=now + timedelta(days=7),
    )
    Tag.objects.create(
        account=number.account,
        number=number,
        engine=EngineFactory(slug="hiya", name="Hiya"),
        case=case,
        detected_at=now,
    )
    PhoneNumber.objects.filter(pk=number.pk).update(spam_status=PhoneNumber.SpamStatus.IN_REMEDIATION, tagged_since=now)
    return case


def post_change(client: Client, campaign: Campaign, **data: object) -> HttpResponse:
    return client.post(reverse("campaign-change", args=[campaign.pk]), data, follow=True)


def settings_data(campaign: Campaign, **changed: str | None) -> dict[str, str]:
    """What the settings form sends: the values that the page showed, and the changed ones."""
    shown = {"initial-name": campaign.name, "name": campaign.name}
    if campaign.automatic_matching:
        shown |= {"initial-automatic_matching": "True", "automatic_matching": "on"}
    else:
        shown |= {"initial-automatic_matching": "False"}
    limit = str(campaign.daily_limit or "")
    shown |= {"initial-daily_limit": limit, "daily_limit": limit}
    data = {"change": "settings", **shown, **changed}
    return {name: value for name, value in data.items() if value is not None}


def audit_events(campaign: Campaign) -> list[tuple[str, str, str]]:
    events = AuditEvent.objects.filter(subject_type="campaign", subject_id=campaign.pk).order_by("pk")
    return list(events.values_list("code", "before", "after"))
