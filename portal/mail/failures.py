"""What a failed attempt means: whose fault it is, in plain words, and what to do about it."""

from __future__ import annotations

import re
import smtplib
import socket
import ssl
from dataclasses import dataclass
from enum import Enum

from django.conf import settings

# Replies with which servers refuse everybody who has not signed in. They do not speak of the mail.
SIGN_IN_CODES = frozenset({530, 534, 535, 538})
# The mail is larger than the server takes, although the reply comes with the sender.
TOO_LARGE = 552
# The server ends the connection.
CLOSING = 421
_LINK = re.compile(r"https?://\S+")
_RELAY = re.compile(r"\brelay", re.IGNORECASE)
MAX_REPLY = 500


class Scope(Enum):
    """What is to be done after a failure."""

    MAIL_REFUSED = "the mail is refused for good"
    MAIL_LATER = "the mail is tried again later"
    # One failure may be the fault of the mail. Several in a row are the fault of the server.
    MAYBE_SERVER = "the mail is tried again later, and after several of these all mails wait"
    SERVER = "all mails wait"


@dataclass(frozen=True)
class Failure:
    scope: Scope
    what: str
    advice: str


def describe_failure(error: Exception) -> Failure:
    """Explain an exception of smtplib, ssl or the socket. Links in replies are left out: they may hold a token."""
    for kind, describe in _DESCRIPTIONS:
        if isinstance(error, kind):
            return describe(error)
    return Failure(
        Scope.SERVER if isinstance(error, OSError) else Scope.MAYBE_SERVER,
        f"The mail server cannot be used: {_shorten(str(error) or type(error).__name__)}.",
        "Check EMAIL_URL, and whether this machine reaches the mail server.",
    )


def _shorten(text: str | bytes) -> str:
    plain = text.decode("utf-8", "replace") if isinstance(text, bytes) else text
    return _LINK.sub("[link]", " ".join(plain.split()).replace("\0", ""))[:MAX_REPLY].rstrip(".")


def _place() -> str:
    return f"{settings.EMAIL_HOST}:{settings.EMAIL_PORT}"


def _quote(code: int, reply: str | bytes) -> str:
    return f"It said: {code} {_shorten(reply)}"


def _describe_sign_in(code: int, reply: str | bytes) -> Failure:
    return Failure(
        Scope.SERVER,
        f"The mail server refused the sign-in. {_quote(code, reply)}.",
        "Check the user and the password in EMAIL_URL. Characters such as @ / : % are written as %40 %2F %3A %25. Some "
        "services want a password for applications instead of the person's own.",
    )


def _describe_refused_sign_in(error: smtplib.SMTPAuthenticationError) -> Failure:
    return _describe_sign_in(error.smtp_code, error.smtp_error)


def _describe_reply(code: int, reply: str | bytes, what: str) -> Failure:
    """A reply to one mail. 4xx is temporary and 5xx permanent, unless the server refuses every mail."""
    if code in SIGN_IN_CODES:
        return _describe_sign_in(code, reply)
    if code == CLOSING:
        return Failure(Scope.SERVER, f"The mail server is closing. {_quote(code, reply)}.", "The portal tries again.")
    if code >= 500 and _RELAY.search(_shorten(reply)):
        return Failure(
            Scope.MAYBE_SERVER,
            f"The mail server does not forward mail for the portal. {_quote(code, reply)}.",
            "Write a user and a password into EMAIL_URL, or let the mail server accept mail from this machine.",
        )
    if code >= 500:
        return Failure(
            Scope.MAIL_REFUSED,
            f"The mail server refused {what} for good. {_quote(code, reply)}.",
            "Correct the address of the member or the setting it comes from.",
        )
    return Failure(
        Scope.MAIL_LATER,
        f"The mail server does not take {what} now. {_quote(code, reply)}.",
        "The portal tries again later.",
    )


def _describe_recipient(error: smtplib.SMTPRecipientsRefused) -> Failure:
    code, reply = next(iter(error.recipients.values()))
    return _describe_reply(code, reply, "the recipient")


def _describe_data(error: smtplib.SMTPDataError) -> Failure:
    return _describe_reply(error.smtp_code, error.smtp_error, "the mail")


def _describe_sender(error: smtplib.SMTPSenderRefused) -> Failure:
    if error.smtp_code in (*SIGN_IN_CODES, CLOSING, TOO_LARGE):
        return _describe_reply(error.smtp_code, error.smtp_error, "the mail")
    return Failure(
        Scope.SERVER,
        f"The mail server refused the sender {error.sender}. {_quote(error.smtp_code, error.smtp_error)}.",
        "Set DEFAULT_FROM_EMAIL to an address that this mail server lets the portal send from.",
    )


def _describe_connect(error: smtplib.SMTPResponseException) -> Failure:
    return Failure(
        Scope.SERVER,
        f"The mail server does not accept connections. {_quote(error.smtp_code, error.smtp_error)}.",
        "Check the host and port in EMAIL_URL. If they are right, the mail server is busy or keeps this machine out.",
    )


def _describe_unsupported(error: smtplib.SMTPNotSupportedError) -> Failure:
    text = str(error)
    if "STARTTLS" in text:
        what = f"The mail server at {_place()} offers no encryption with STARTTLS."
        advice = "Use smtp+ssl:// with port 465 in EMAIL_URL if the server offers that."
    elif "AUTH" in text:
        what = f"The mail server at {_place()} offers no sign-in on this connection."
        advice = "Use smtp+tls:// with port 587 in EMAIL_URL. Many servers offer the sign-in only after STARTTLS."
    else:
        return Failure(
            Scope.MAIL_REFUSED,
            f"The mail server cannot take this address: {_shorten(text)}.",
            "Use an address of plain letters.",
        )
    return Failure(Scope.SERVER, what, advice)


def _describe_disconnected(error: smtplib.SMTPServerDisconnected) -> Failure:
    is_timeout = "timed out" in str(error)
    return Failure(
        Scope.MAYBE_SERVER,
        f"The mail server {'did not answer in time' if is_timeout else 'closed the connection'}: "
        f"{_shorten(str(error))}.",
        "The portal tries again. If it never works: in EMAIL_URL, port 465 needs smtp+ssl://, and port 587 smtp+tls://.",
    )


def _describe_invalid(error: ValueError) -> Failure:
    return Failure(
        Scope.MAIL_REFUSED,
        f"The address or the subject cannot be written into a mail: {_shorten(str(error))}.",
        "Correct the address of the member or the setting it comes from.",
    )


def _describe_certificate(error: ssl.SSLCertVerificationError) -> Failure:
    return Failure(
        Scope.SERVER,
        f"The certificate of the mail server at {_place()} is not valid: {_shorten(error.verify_message)}.",
        "Write the host name that the certificate names into EMAIL_URL, or have the certificate renewed. For a mail "
        "server with a certificate of your own, add its authority to this machine (update-ca-certificates).",
    )


def _describe_tls(error: ssl.SSLError) -> Failure:
    return Failure(
        Scope.SERVER,
        f"The encrypted connection to {_place()} failed: {_shorten(error.reason or str(error))}.",
        "In EMAIL_URL, port 465 needs smtp+ssl://, and port 587 smtp+tls://.",
    )


def _describe_name(error: socket.gaierror) -> Failure:
    return Failure(
        Scope.SERVER,
        f"The name {settings.EMAIL_HOST} was not found.",
        "Check the host name in EMAIL_URL, and the name service of this machine (resolvectl query NAME).",
    )


def _describe_timeout(error: TimeoutError) -> Failure:
    return Failure(
        Scope.SERVER,
        f"{_place()} did not answer within {settings.EMAIL_TIMEOUT} seconds.",
        "Check the host and port in EMAIL_URL, and whether a firewall lets this machine out. Many networks block port "
        "25; use 587 or 465.",
    )


def _describe_refused_connection(error: ConnectionRefusedError) -> Failure:
    return Failure(
        Scope.SERVER,
        f"Nothing listens at {_place()}.",
        "Check the host and port in EMAIL_URL, and whether the mail server runs.",
    )


# The first that fits counts, so subclasses come before their bases.
_DESCRIPTIONS: list = [
    (smtplib.SMTPAuthenticationError, _describe_refused_sign_in),
    (smtplib.SMTPRecipientsRefused, _describe_recipient),
    (smtplib.SMTPSenderRefused, _describe_sender),
    (smtplib.SMTPDataError, _describe_data),
    (smtplib.SMTPResponseException, _describe_connect),
    (smtplib.SMTPNotSupportedError, _describe_unsupported),
    (smtplib.SMTPServerDisconnected, _describe_disconnected),
    (ssl.SSLCertVerificationError, _describe_certificate),
    (ssl.SSLError, _describe_tls),
    (socket.gaierror, _describe_name),
    (TimeoutError, _describe_timeout),
    (ConnectionRefusedError, _describe_refused_connection),
    (ValueError, _describe_invalid),
]
