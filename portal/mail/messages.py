"""Mails in plain text: what one consists of, and how a row of the outbox becomes one."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from email.utils import format_datetime
from typing import Any
from urllib.parse import urlsplit

from django.conf import settings
from django.core.mail import EmailMessage
from django.template.loader import render_to_string
from django.urls import reverse

from portal.models import OutgoingMail

# Tells robots not to answer; RFC 3834.
AUTO_GENERATED_HEADERS = {"Auto-Submitted": "auto-generated"}
MAX_SUBJECT = 250


@dataclass(frozen=True)
class Message:
    """A mail in plain text: a template, and what it is rendered with. Each address of `to` gets a mail of its own."""

    subject: str
    template: str
    context: Mapping[str, Any]
    to: Sequence[str]
    headers: Mapping[str, str] = field(default_factory=dict)

    @property
    def subject_line(self) -> str:
        """Names that people chose may hold line breaks, which a subject must not."""
        return " ".join(self.subject.split())[:MAX_SUBJECT]

    def render(self) -> str:
        return render_to_string(self.template, {**self.context})


def build_url(name: str, *args: object) -> str:
    """The absolute URL of a page, for links in mails."""
    return settings.PUBLIC_URL + reverse(name, args=args)


def build_email(row: OutgoingMail, *, subject: str, body: str) -> EmailMessage:
    """The mail of a row. Its date and Message-ID are the same in every attempt."""
    return EmailMessage(
        subject,
        body,
        to=[row.recipient],
        headers={
            **AUTO_GENERATED_HEADERS,
            **row.headers,
            "Date": format_datetime(row.created_at),
            "Message-ID": f"<{row.key}@{urlsplit(settings.PUBLIC_URL).hostname}>",
        },
    )
