"""Hide secrets in texts that are logged."""

from __future__ import annotations

import re
from typing import Final

MASK: Final = "***"
# Shorter values would hide ordinary words.
MIN_SECRET_LENGTH: Final = 8

# Each pattern with its replacement. What precedes the secret stays, so that a line says which kind it was.
_PATTERNS: Final[tuple[tuple[re.Pattern[str], str], ...]] = (
    # API keys: nrp_<prefix>_<secret>. The prefix is shown on pages.
    (re.compile(r"(nrp_[0-9a-f]{4,16})_[0-9A-Za-z]+"), rf"\1_{MASK}"),
    (re.compile(r"whsec_[0-9A-Za-z+/=_-]+"), f"whsec_{MASK}"),
    # Links to choose a password, which invitations have too, and links of testers.
    (re.compile(r"(/password/set/#?)[^\s\"'<>?#]+"), rf"\1{MASK}/"),
    (re.compile(r"(/t/)[^\s\"'<>?#/]+"), rf"\1{MASK}"),
    # user:password@ in addresses of databases, mail servers and queues. A password may contain @.
    (re.compile(r"([a-z][a-z0-9+.-]{0,20}://[^\s:/@\"'<>]*:)[^\s/\"'<>]+@", re.IGNORECASE), rf"\1{MASK}@"),
    (re.compile(r"\b(Bearer|Basic)(\s+)[0-9A-Za-z._~+/=-]{6,}", re.IGNORECASE), rf"\1\2{MASK}"),
    # Headers, settings, query strings, JSON and Python's dicts: name=value, "name": "value", 'name': 'value'.
    (
        re.compile(
            r"((?:(?:password|passwd|secret|token|api[_-]?key|sessionid)[\w-]{0,40}"
            r"|(?:set-)?cookie|(?:proxy-)?authorization)"
            r"\\?[\"']?\s*[=:]\s*\\?)(?:\"[^\"]*\"|'[^']*'|(?:Bearer |Basic )?[^\s\"'&,;)}\]]+)",
            re.IGNORECASE,
        ),
        rf"\1{MASK}",
    ),
)

_known_secrets: set[str] = set()


def add_secrets(*values: object) -> None:
    """Mask these values wherever they occur: the secrets among the settings. Short ones are ignored."""
    _known_secrets.update(value for value in values if isinstance(value, str) and len(value) >= MIN_SECRET_LENGTH)


def mask(text: str) -> str:
    """The text with each secret replaced by ***."""
    for secret in _known_secrets:
        text = text.replace(secret, MASK)
    for pattern, replacement in _PATTERNS:
        text = pattern.sub(replacement, text)
    return text
