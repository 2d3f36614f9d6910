"""Labels of audit events: the text of each event code, and the kinds of events that the trail can be filtered by."""

from __future__ import annotations

import re
from dataclasses import dataclass

from portal.models import AuditEvent
from portal.phone.numbers import format_national


@dataclass(frozen=True)
class EventLabel:
    """The text of an event code. `shows_values` adds the values before and after to the text."""

    text: str
    tone: str = "calm"
    shows_values: bool = False


EVENT_LABELS: dict[str, EventLabel] = {
    "number.added": EventLabel("Number added"),
    "number.changed": EventLabel("Number changed", shows_values=True),
    "number.campaign": EventLabel("Campaign changed", shows_values=True),
    "number.removed": EventLabel("Number removed"),
    "number.restored": EventLabel("Number added again"),
    "number.retired": EventLabel("Number retired"),
    "number.at_risk": EventLabel("At risk of a spam label", "wait", shows_values=True),
    "number.released": EventLabel("Used again, although labelled when last seen", "wait"),
    "import.uploaded": EventLabel("File of numbers received"),
    "import.ready": EventLabel("File of numbers read", shows_values=True),
    "import.chosen": EventLabel("Import read with other choices"),
    "import.confirmed": EventLabel("Import confirmed"),
    "import.done": EventLabel("Import done", "good", shows_values=True),
    "import.failed": EventLabel("Import failed", "bad"),
    "import.stopped": EventLabel("Import stopped", shows_values=True),
    "import.cancelled": EventLabel("Import cancelled"),
    "import.expired": EventLabel("Import not confirmed in time"),
    "capability.verifying": EventLabel("Monitoring enabled", "wait"),
    "capability.on": EventLabel("Monitoring is on", "good"),
    "capability.failed": EventLabel("Verification failed", "bad"),
    "capability.off": EventLabel("Monitoring disabled"),
    "tag.detected": EventLabel("Spam label detected", "bad", shows_values=True),
    "tag.cleared": EventLabel("Spam label gone", "good"),
    "tag.unwatched": EventLabel("Spam label no longer counted"),
    "case.opened": EventLabel("Remediation case opened", "wait"),
    "case.joined": EventLabel("Label of another engine joined the case", "wait"),
    "case.open": EventLabel("Case opened again", "wait"),
    "case.submitted": EventLabel("Submitted to the engine", "wait"),
    "case.in_review": EventLabel("Under review by the engine", "wait"),
    "case.disputed": EventLabel("Disputed by the engine", "wait"),
    "case.cleared": EventLabel("Case closed: the label is gone", "good"),
    "case.failed": EventLabel("Remediation failed: its case says what you can do", "bad"),
    "case.cancelled": EventLabel("Case cancelled"),
    "case.ticket": EventLabel("Support ticket noted", shows_values=True),
    "desk_request.to_send": EventLabel("Request to a desk to be sent", "wait"),
    "desk_request.sent": EventLabel("Request sent to a desk", "wait"),
    "desk_request.acknowledged": EventLabel("Request acknowledged by the desk", "wait"),
    "desk_request.question": EventLabel("The desk asks a question", "wait"),
    "desk_request.done": EventLabel("The desk says that it is done", "wait"),
    "desk_request.refused": EventLabel("Refused by the desk", "bad"),
    "desk_request.silent": EventLabel("The desk did not answer in time", "bad"),
    "desk_request.withdrawn": EventLabel("Request to a desk withdrawn"),
    "telephone.added": EventLabel("Telephone for test calls added", shows_values=True),
    "telephone.changed": EventLabel("Telephone for test calls changed", shows_values=True),
    "telephone.proven": EventLabel("A caller's label was seen on a telephone for test calls", shows_values=True),
    "telephone.removed": EventLabel("Telephone for test calls removed"),
    "test_round.created": EventLabel("Round of test calls begun", shows_values=True),
    "test_round.ended": EventLabel("Round of test calls ended", shows_values=True),
    "tester.invited": EventLabel("Tester invited", shows_values=True),
    "tester.revoked": EventLabel("Tester's link revoked"),
    "report.added": EventLabel("Label reported by a person", "wait", shows_values=True),
    "report.confirmed": EventLabel("Report of a label confirmed", "bad", shows_values=True),
    "report.dismissed": EventLabel("Report of a label dismissed", shows_values=True),
    "desk_registration.sent": EventLabel("Sent for registration", "wait", shows_values=True),
    "desk_registration.proof_asked": EventLabel("Proof asked", "wait", shows_values=True),
    "desk_registration.confirmed": EventLabel("Registration confirmed", "good", shows_values=True),
    "desk_registration.refused": EventLabel("Registration refused", "bad", shows_values=True),
    "desk_registration.silent": EventLabel("Registration not answered in time", "wait", shows_values=True),
    "desk_registration.held_by_other": EventLabel("Registered by another business", "bad", shows_values=True),
    "desk_registration.withdrawn": EventLabel("Registration withdrawn", shows_values=True),
    "engine_list.read": EventLabel("List of an engine read", shows_values=True),
    "application.begun": EventLabel("Enrollment form begun"),
    "application.edited": EventLabel("Enrollment form changed"),
    "application.submitted": EventLabel("Enrollment sent for review", "wait"),
    "application.withdrawn": EventLabel("Enrollment withdrawn from review"),
    "application.more_information": EventLabel("More information wanted for the enrollment", "wait"),
    "application.approved": EventLabel("Enrollment approved", "good"),
    "application.rejected": EventLabel("Enrollment rejected", "bad"),
    "application.revoked": EventLabel("Enrollment revoked", "bad"),
    "application.own_account": EventLabel("Decided by a member of the account, the only staff user", "wait"),
    "campaign.added": EventLabel("Campaign added"),
    "campaign.name": EventLabel("Campaign renamed", shows_values=True),
    "campaign.paused": EventLabel("Campaign paused"),
    "campaign.resumed": EventLabel("Campaign resumed", "good"),
    "campaign.matching_on": EventLabel("Automatic matching switched on"),
    "campaign.matching_off": EventLabel("Automatic matching switched off"),
    "campaign.when_labelled": EventLabel("Choice when every local number is labelled changed", shows_values=True),
    "campaign.other_networks_on": EventLabel("Numbers labelled on one network are shown on others"),
    "campaign.other_networks_off": EventLabel("Numbers labelled on one network are skipped on all"),
    "campaign.daily_limit": EventLabel("Daily limit of calls per number changed", shows_values=True),
    "campaign.default": EventLabel("Default caller ID changed", shows_values=True),
    "webhook.added": EventLabel("Webhook added", shows_values=True),
    "webhook.changed": EventLabel("Webhook changed", shows_values=True),
    "webhook.paused": EventLabel("Webhook paused", "wait"),
    "webhook.resumed": EventLabel("Webhook resumed", "good"),
    "webhook.secret": EventLabel("Webhook's secret replaced"),
    "webhook.removed": EventLabel("Webhook removed"),
    "sign_in.done": EventLabel("Signed in", shows_values=True),
    "sign_in.linked": EventLabel("Sign-in with an identity provider set up", shows_values=True),
    "sign_in.failed": EventLabel("Sign-in failed", "wait", shows_values=True),
    "sign_in.factor_failed": EventLabel("Sign-in failed: the second factor was wrong", "wait"),
    "sign_in.confirmation_failed": EventLabel("A signed-in person did not confirm who they are", "wait"),
    "sign_in.ended": EventLabel("Signed out", shows_values=True),
    "sign_in.ended_by_staff": EventLabel("All sessions ended by staff", "wait"),
    "password.changed": EventLabel("Password changed"),
    "password.set_by_link": EventLabel("Password set with a link from a mail"),
    "password.set_by_staff": EventLabel("Password set by staff", "wait"),
    "factor.added": EventLabel("Second factor added", shows_values=True),
    "factor.removed": EventLabel("Second factor removed", shows_values=True),
    "factor.codes_replaced": EventLabel("New recovery codes made"),
    "factor.code_used": EventLabel("Recovery code used", "wait", shows_values=True),
    "staff.opened": EventLabel("Opened by staff"),
    "person.second_factors_reset": EventLabel("Second factors reset", "wait"),
    "invitation.sent": EventLabel("Person invited", "wait", shows_values=True),
    "invitation.withdrawn": EventLabel("Invitation withdrawn"),
    "invitation.declined": EventLabel("Invitation declined"),
    "member.added": EventLabel("Member added", shows_values=True),
    "member.role": EventLabel("Role changed", shows_values=True),
    "member.removed": EventLabel("Member removed"),
    "person.name": EventLabel("Person renamed", shows_values=True),
    "person.email": EventLabel("E-mail address of a person changed", shows_values=True),
    "person.staff_role": EventLabel("Staff role changed", shows_values=True),
    "person.erased": EventLabel("Person erased"),
    "audit.erased": EventLabel("Texts of an erased person removed from events of an earlier version"),
    "account.erased": EventLabel("Account erased"),
    "person.is_active": EventLabel("Whether a person may sign in changed", shows_values=True),
    "export.audit_trail": EventLabel("Audit trail exported", shows_values=True),
    "export.numbers": EventLabel("Phone numbers exported"),
    "account.added": EventLabel("Account set up"),
    "account.name": EventLabel("Account renamed", shows_values=True),
    "account.time_zone": EventLabel("Time zone changed", shows_values=True),
    "account.requires_second_factor": EventLabel("Second factor of members", shows_values=True),
    "api_key.made": EventLabel("API key made", shows_values=True),
    "api_key.revoked": EventLabel("API key revoked"),
    "api_key.taken_over": EventLabel("API key taken over", shows_values=True),
    "licence.added": EventLabel("Licence added", shows_values=True),
    "licence.changed": EventLabel("Licence changed", shows_values=True),
    "licence.removed": EventLabel("Licence removed"),
    "connection.added": EventLabel("Connection to a provider added", shows_values=True),
    "connection.changed": EventLabel("Connection to a provider changed", shows_values=True),
    "connection.removed": EventLabel("Connection to a provider removed"),
    "task_failure.seen": EventLabel("Failure of a task marked as seen"),
    "engine_role.changed": EventLabel("Provider of an engine changed", shows_values=True),
    "carrier_engine.added": EventLabel("Engine of a carrier added", shows_values=True),
    "carrier_engine.changed": EventLabel("Engine of a carrier changed", shows_values=True),
    "carrier_engine.removed": EventLabel("Engine of a carrier removed"),
    "desk.added": EventLabel("Remediation desk added", shows_values=True),
    "desk.changed": EventLabel("Remediation desk changed", shows_values=True),
    "desk.removed": EventLabel("Remediation desk removed"),
}

# What a type of object is called, where an event code alone does not say it.
SUBJECT_NOUNS = {
    "phonenumber": "phone number",
    "case": "case",
    "tag": "label",
    "deskrequest": "request",
    "deskregistration": "registration",
    "application": "application",
    "member": "member",
}

# The kinds that the trail can be filtered by: name in the query string -> label, prefixes of its codes.
EVENT_KINDS: dict[str, tuple[str, tuple[str, ...]]] = {
    "numbers": ("Phone numbers", ("number.", "import.")),
    "monitoring": ("Monitoring", ("capability.",)),
    "tags": ("Tags, cases and requests to desks", ("tag.", "case.", "desk_request.")),
    "test_calls": ("Test calls and reports", ("telephone.", "test_round.", "tester.", "report.")),
    "registrations": ("Registrations at engines", ("desk_registration.", "engine_list.")),
    "campaigns": ("Campaigns", ("campaign.",)),
    "enrollment": ("Enrollment", ("application.",)),
    "webhooks": ("Webhooks", ("webhook.",)),
    "sign_in": ("Sign-in, passwords and second factors", ("sign_in.", "password.", "factor.")),
    "staff": ("What staff opened", ("staff.",)),
    "members": ("Members", ("member.", "invitation.", "person.", "user.", "audit.")),
    "account": (
        "Account, licences, connections, API keys and exports",
        (
            "account.",
            "export.",
            "licence.",
            "api_key.",
            "connection.",
            "task_failure.",
            "engine_role.",
            "carrier_engine.",
            "desk.",
        ),
    ),
}

VIA_LABELS = {
    "web": "in the portal",
    "admin": "in the administration",
    "api": "by the API",
    "task": "automatically",
    "command": "by a command of the operator",
}


@dataclass(frozen=True)
class EventDescription:
    """An event in words: what happened to what, the values before and after, why, and who did it from where.

    `actor` is the person's name at that time, and `email` their address; empty if it was no person.
    """

    text: str
    tone: str
    subject: str
    before: str
    after: str
    reason: str
    actor: str
    email: str
    shows_values: bool

    @property
    def sentence(self) -> str:
        """The text, with the values if the label shows them: Campaign changed: Winter → Spring renewals."""
        if not self.shows_values or not (self.before or self.after):
            return self.text
        if self.before and not self.after:
            return f"{self.text}: {self.before} → none"
        return f"{self.text}: {' → '.join(filter(None, (self.before, self.after)))}"


def describe_event(event: AuditEvent) -> EventDescription:
    """Describe an event in words. Select events `with_actors` for it."""
    label = EVENT_LABELS.get(event.code) or EventLabel(event.code.replace(".", " ").replace("_", " ").capitalize())
    texts = event.texts
    return EventDescription(
        text=label.text,
        tone=label.tone,
        subject=texts.label,
        before=_format_value(texts.before),
        after=_format_value(texts.after),
        reason=texts.reason,
        actor=_get_actor_name(event),
        email="" if event.api_key is not None else event.actor_email,
        shows_values=label.shows_values,
    )


def get_event_codes(kind: str) -> list[str]:
    """The event codes of a kind of EVENT_KINDS."""
    return [code for code in EVENT_LABELS if code.startswith(EVENT_KINDS[kind][1])]


def _format_value(text: str) -> str:
    """Phone numbers in national format, states of a lifecycle without underscores, anything else unchanged."""
    if re.fullmatch(r"\+\d{6,15}", text):
        return format_national(text)
    return text.replace("_", " ") if re.fullmatch(r"[a-z]+(_[a-z]+)+", text) else text


def _get_actor_name(event: AuditEvent) -> str:
    via = VIA_LABELS.get(event.via, event.via)
    if event.api_key is not None:
        return f"API key {event.api_key.name}"
    name = event.actor_name
    if name is None:
        return "The service" if event.via == "task" else f"Somebody, {via}"
    return name if event.via == "web" else f"{name}, {via}"
