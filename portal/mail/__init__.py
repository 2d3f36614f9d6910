"""All mail of the portal: an outbox, and the task that empties it.

A change enqueues its mails in its own transaction. Nothing is sent within a request.
"""

from portal.mail.kinds import MailKind, register_mail_kinds
from portal.mail.messages import Message, build_url
from portal.mail.outbox import enqueue, enqueue_due, enqueue_private, enqueue_rows, write_rows

__all__ = [
    "MailKind",
    "Message",
    "build_url",
    "enqueue",
    "enqueue_due",
    "enqueue_private",
    "enqueue_rows",
    "register_mail_kinds",
    "write_rows",
]
