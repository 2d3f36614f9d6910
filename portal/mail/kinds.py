"""The kinds of mail. Each app registers its own when it starts."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from portal.mail.messages import Message

# Writes a mail at the moment it is sent, from the row's params. None if nobody is to get it any more.
Compose = Callable[[dict[str, Any]], Message | None]
# Told, in the transaction that notes a mail as sent, the row's reference and the time.
OnSent = Callable[[str, datetime], None]


@dataclass(frozen=True)
class MailKind:
    """`label` names the kind to operators. `compose` is for mails with links that hold a token."""

    code: str
    label: str
    compose: Compose | None = None
    on_sent: OnSent | None = None


kinds: dict[str, MailKind] = {}


def register_mail_kinds(*registered: MailKind) -> None:
    kinds.update((kind.code, kind) for kind in registered)


def get_label(code: str) -> str:
    """Mails of a kind that this version does not know are named by their code."""
    return kinds[code].label if code in kinds else code
