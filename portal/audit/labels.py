"""How the audit trail's codes are said to people: one table, and the kinds that the trail can be filtered by."""

from __future__ import annotations

import re
from dataclasses import dataclass

from portal.models import AuditEvent
from portal.phone.numbers import format_national


@dataclass(frozen=True)
class EventLabel:
    """`words` say what happened to the subject; `with_values` if before and after tell more than the words do."""

    words: str
    tone: str = "calm"
    with_values: bool = False


EVENT_LABELS: dict[str, EventLabel] = {
    "number.added": EventLabel("Number added"),
    "number.changed": EventLabel("Number changed", with_values=True),
    "number.campaign": EventLabel("Campaign changed", with_values=True),
    "number.removed": EventLabel("Number removed"),
    "number.restored": EventLabel("Number added again"),
    "import.uploaded": EventLabel("File of numbers received"),
    "import.ready": EventLabel("File of numbers read", with_values=True),
    "import.confirmed": EventLabel("Import confirmed"),
    "import.done": EventLabel("Import done", "good", with_values=True),
    "import.failed": EventLabel("Import failed", "bad"),
    "import.stopped": EventLabel("Import stopped", with_values=True),
    "import.cancelled": EventLabel("Import cancelled"),
    "import.expired": EventLabel("Import not confirmed in time"),
    "capability.verifying": EventLabel("Monitoring enabled: verification begun", "wait"),
    "capability.on": EventLabel("Verified: monitoring is on", "good"),
    "capability.failed": EventLabel("Verification failed", "bad"),
    "capability.off": EventLabel("Monitoring disabled"),
    "tag.detected": EventLabel("Spam label detected", "bad", with_values=True),
    "tag.cleared": EventLabel("Spam label gone", "good"),
    "tag.unwatched": EventLabel("Spam label no longer watched"),
    "case.opened": EventLabel("Remediation case opened", "wait"),
    "case.joined": EventLabel("Label of another engine joined the case", "wait"),
    "case.open": EventLabel("Case opened again", "wait"),
    "case.submitted": EventLabel("Submitted to the engine", "wait"),
    "case.in_review": EventLabel("Under review by the engine", "wait"),
    "case.disputed": EventLabel("Disputed by the engine", "wait"),
    "case.cleared": EventLabel("Case closed: the label is gone", "good"),
    "case.failed": EventLabel("Remediation failed: a support ticket may help", "bad"),
    "case.cancelled": EventLabel("Case cancelled"),
    "case.ticket": EventLabel("Support ticket noted", with_values=True),
    "application.begun": EventLabel("Enrollment form begun"),
    "application.edited": EventLabel("Enrollment form changed"),
    "application.submitted": EventLabel("Enrollment sent for review", "wait"),
    "application.more_information": EventLabel("More information wanted for the enrollment", "wait"),
    "application.approved": EventLabel("Enrollment approved", "good"),
    "application.rejected": EventLabel("Enrollment rejected", "bad"),
    "application.revoked": EventLabel("Enrollment revoked", "bad"),
    "campaign.added": EventLabel("Campaign added"),
    "campaign.name": EventLabel("Campaign renamed", with_values=True),
    "campaign.paused": EventLabel("Campaign paused"),
    "campaign.resumed": EventLabel("Campaign resumed", "good"),
    "campaign.matching_on": EventLabel("Automatic matching switched on"),
    "campaign.matching_off": EventLabel("Automatic matching switched off"),
    "campaign.daily_limit": EventLabel("Daily limit of calls per number changed", with_values=True),
    "campaign.default": EventLabel("Default caller ID changed", with_values=True),
    "webhook.added": EventLabel("Webhook added", with_values=True),
    "webhook.changed": EventLabel("Webhook changed", with_values=True),
    "webhook.paused": EventLabel("Webhook paused", "wait"),
    "webhook.resumed": EventLabel("Webhook resumed", "good"),
    "webhook.secret": EventLabel("Webhook's secret replaced"),
    "webhook.removed": EventLabel("Webhook removed"),
    "member.added": EventLabel("Member added", with_values=True),
    "member.role": EventLabel("Role changed", with_values=True),
    "member.removed": EventLabel("Member removed"),
    "account.added": EventLabel("Account set up"),
    "account.name": EventLabel("Account renamed", with_values=True),
    "account.time_zone": EventLabel("Time zone changed", with_values=True),
    "api_key.made": EventLabel("API key made", with_values=True),
    "api_key.revoked": EventLabel("API key revoked"),
    "licence.added": EventLabel("Licence added", with_values=True),
    "licence.changed": EventLabel("Licence changed", with_values=True),
    "licence.removed": EventLabel("Licence removed"),
}

# The kinds that the trail can be filtered by: a name in the address, its words, and how its codes begin.
EVENT_KINDS: dict[str, tuple[str, tuple[str, ...]]] = {
    "numbers": ("Phone numbers", ("number.", "import.")),
    "monitoring": ("Monitoring", ("capability.",)),
    "tags": ("Tags and cases", ("tag.", "case.")),
    "campaigns": ("Campaigns", ("campaign.",)),
    "enrollment": ("Enrollment", ("application.",)),
    "webhooks": ("Webhooks", ("webhook.",)),
    "members": ("Members", ("member.",)),
    "account": ("Account, licences and API keys", ("account.", "licence.", "api_key.")),
}

VIA_LABELS = {
    "web": "in the portal",
    "admin": "in the administration",
    "api": "by the API",
    "task": "by itself",
    "command": "by a command of the operator",
}


@dataclass(frozen=True)
class EventDescription:
    """An event in words: what happened, its values before and after, and who did it from where."""

    words: str
    tone: str
    before: str
    after: str
    who: str
    with_values: bool

    @property
    def sentence(self) -> str:
        """What happened, with its values where they tell more: Campaign changed: Winter → Spring renewals."""
        values = " → ".join(filter(None, (self.before, self.after))) if self.with_values else ""
        if self.with_values and self.before and not self.after:
            values = f"{self.before} → none"
        return f"{self.words}: {values}" if values else self.words


def describe_event(event: AuditEvent) -> EventDescription:
    """The event in words; its `actor` and `api_key` are read, so select them with the events."""
    what = EVENT_LABELS.get(event.what) or EventLabel(event.what.replace(".", " ").replace("_", " ").capitalize())
    return EventDescription(
        words=what.words,
        tone=what.tone,
        before=_format_value(event.before),
        after=_format_value(event.after),
        who=_get_actor_name(event),
        with_values=what.with_values,
    )


def get_event_codes(kind: str) -> list[str]:
    """The codes that a kind of KINDS stands for."""
    return [code for code in EVENT_LABELS if code.startswith(EVENT_KINDS[kind][1])]


def _format_value(text: str) -> str:
    """Numbers in national format; states of a lifecycle without their underscores; anything else as it is."""
    if re.fullmatch(r"\+\d{6,15}", text):
        return format_national(text)
    return text.replace("_", " ") if re.fullmatch(r"[a-z]+(_[a-z]+)+", text) else text


def _get_actor_name(event: AuditEvent) -> str:
    via = VIA_LABELS.get(event.via, event.via)
    if event.api_key is not None:
        return f"API key {event.api_key.name}"
    if event.actor is None:
        return "The service, by itself" if event.via == "task" else f"Somebody, {via}"
    name = event.actor.get_full_name()
    return name if event.via == "web" else f"{name}, {via}"
