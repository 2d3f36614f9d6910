"""How the audit trail's codes are said to people: one table, and the kinds that the trail can be filtered by."""

from __future__ import annotations

import re
from dataclasses import dataclass

from portal.models import AuditEvent
from portal.phone.numbers import national


@dataclass(frozen=True)
class What:
    """`words` say what happened to the subject; `with_values` if before and after tell more than the words do."""

    words: str
    tone: str = "calm"
    with_values: bool = False


EVENTS: dict[str, What] = {
    "number.added": What("Number added"),
    "number.changed": What("Number changed", with_values=True),
    "number.campaign": What("Campaign changed", with_values=True),
    "number.removed": What("Number removed"),
    "number.restored": What("Number added again"),
    "import.uploaded": What("File of numbers received"),
    "import.ready": What("File of numbers read", with_values=True),
    "import.confirmed": What("Import confirmed"),
    "import.done": What("Import done", "good", with_values=True),
    "import.failed": What("Import failed", "bad"),
    "import.stopped": What("Import stopped", with_values=True),
    "import.cancelled": What("Import cancelled"),
    "import.expired": What("Import not confirmed in time"),
    "capability.verifying": What("Monitoring enabled: verification begun", "wait"),
    "capability.on": What("Verified: monitoring is on", "good"),
    "capability.failed": What("Verification failed", "bad"),
    "capability.off": What("Monitoring disabled"),
    "tag.detected": What("Spam label detected", "bad", with_values=True),
    "tag.cleared": What("Spam label gone", "good"),
    "tag.unwatched": What("Spam label no longer watched"),
    "case.opened": What("Remediation case opened", "wait"),
    "case.joined": What("Label of another engine joined the case", "wait"),
    "case.open": What("Case opened again", "wait"),
    "case.submitted": What("Submitted to the engine", "wait"),
    "case.in_review": What("Under review by the engine", "wait"),
    "case.disputed": What("Disputed by the engine", "wait"),
    "case.cleared": What("Case closed: the label is gone", "good"),
    "case.failed": What("Remediation failed: a support ticket may help", "bad"),
    "case.cancelled": What("Case cancelled"),
    "case.ticket": What("Support ticket noted", with_values=True),
    "application.begun": What("Enrollment form begun"),
    "application.edited": What("Enrollment form changed"),
    "application.submitted": What("Enrollment sent for review", "wait"),
    "application.more_information": What("More information wanted for the enrollment", "wait"),
    "application.approved": What("Enrollment approved", "good"),
    "application.rejected": What("Enrollment rejected", "bad"),
    "application.revoked": What("Enrollment revoked", "bad"),
    "campaign.added": What("Campaign added"),
    "campaign.name": What("Campaign renamed", with_values=True),
    "campaign.paused": What("Campaign paused"),
    "campaign.resumed": What("Campaign resumed", "good"),
    "campaign.matching_on": What("Automatic matching switched on"),
    "campaign.matching_off": What("Automatic matching switched off"),
    "campaign.daily_limit": What("Daily limit of calls per number changed", with_values=True),
    "campaign.default": What("Default caller ID changed", with_values=True),
    "webhook.added": What("Webhook added", with_values=True),
    "webhook.changed": What("Webhook changed", with_values=True),
    "webhook.paused": What("Webhook paused", "wait"),
    "webhook.resumed": What("Webhook resumed", "good"),
    "webhook.secret": What("Webhook's secret replaced"),
    "webhook.removed": What("Webhook removed"),
    "member.added": What("Member added", with_values=True),
    "member.role": What("Role changed", with_values=True),
    "member.removed": What("Member removed"),
    "account.added": What("Account set up"),
    "account.name": What("Account renamed", with_values=True),
    "account.time_zone": What("Time zone changed", with_values=True),
    "api_key.made": What("API key made", with_values=True),
    "api_key.revoked": What("API key revoked"),
    "licence.added": What("Licence added", with_values=True),
    "licence.changed": What("Licence changed", with_values=True),
    "licence.removed": What("Licence removed"),
}

# The kinds that the trail can be filtered by: a name in the address, its words, and how its codes begin.
KINDS: dict[str, tuple[str, tuple[str, ...]]] = {
    "numbers": ("Phone numbers", ("number.", "import.")),
    "monitoring": ("Monitoring", ("capability.",)),
    "tags": ("Tags and cases", ("tag.", "case.")),
    "campaigns": ("Campaigns", ("campaign.",)),
    "enrollment": ("Enrollment", ("application.",)),
    "webhooks": ("Webhooks", ("webhook.",)),
    "members": ("Members", ("member.",)),
    "account": ("Account, licences and API keys", ("account.", "licence.", "api_key.")),
}

VIA = {
    "web": "in the portal",
    "admin": "in the administration",
    "api": "by the API",
    "task": "by itself",
    "command": "by a command of the operator",
}


@dataclass(frozen=True)
class Said:
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


def said(event: AuditEvent) -> Said:
    """The event in words; its `actor` and `api_key` are read, so select them with the events."""
    what = EVENTS.get(event.what) or What(event.what.replace(".", " ").replace("_", " ").capitalize())
    return Said(
        words=what.words,
        tone=what.tone,
        before=_value(event.before),
        after=_value(event.after),
        who=_who(event),
        with_values=what.with_values,
    )


def codes_of(kind: str) -> list[str]:
    """The codes that a kind of KINDS stands for."""
    return [code for code in EVENTS if code.startswith(KINDS[kind][1])]


def _value(text: str) -> str:
    """Numbers in national format; states of a lifecycle without their underscores; anything else as it is."""
    if re.fullmatch(r"\+\d{6,15}", text):
        return national(text)
    return text.replace("_", " ") if re.fullmatch(r"[a-z]+(_[a-z]+)+", text) else text


def _who(event: AuditEvent) -> str:
    via = VIA.get(event.via, event.via)
    if event.api_key is not None:
        return f"API key {event.api_key.name}"
    if event.actor is None:
        return "The service, by itself" if event.via == "task" else f"Somebody, {via}"
    name = event.actor.get_full_name()
    return name if event.via == "web" else f"{name}, {via}"
