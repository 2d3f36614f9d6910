"""A mail server of its own thread, which takes mails or fails as a test tells it to."""

from __future__ import annotations

import asyncio
import ssl
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from email import message_from_bytes, policy
from email.message import EmailMessage

from aiosmtpd.controller import Controller
from aiosmtpd.smtp import SMTP, AuthResult, Envelope, LoginPassword, Session

from tests.support.servers import free_port

USER, PASSWORD = "portal", "the right password"


class Hold:
    """Leaves the client waiting until the test releases it."""

    def __init__(self) -> None:
        self.reached = False
        self._release = asyncio.Event()
        self._loop: asyncio.AbstractEventLoop | None = None

    async def wait(self) -> None:
        self._loop = asyncio.get_running_loop()
        self.reached = True
        await self._release.wait()

    def release(self) -> None:
        if self._loop:
            self._loop.call_soon_threadsafe(self._release.set)


class Drop(Exception):
    """The server cuts the connection off."""


class StandIn:
    """What the server does. `replies` maps a command to what it answers to whom; the default is to take the mail."""

    def __init__(self) -> None:
        self.taken: list[EmailMessage] = []
        self.connections = 0
        self.sign_ins = 0
        self.on_recipient: Callable[[str], str | Exception | Hold | None] = lambda address: None
        self.on_sender: Callable[[str], str | None] = lambda address: None
        self.on_data: Callable[[EmailMessage], str | Exception | Hold | None] = lambda message: None
        self.accepts_sign_in = True

    def recipients(self) -> list[str]:
        return [str(message["To"]) for message in self.taken]

    async def handle_EHLO(self, server: SMTP, session: Session, envelope: Envelope, hostname: str, responses: list):
        self.connections += 1
        session.host_name = hostname
        return responses

    async def handle_MAIL(self, server: SMTP, session: Session, envelope: Envelope, address: str, options: list):
        if reply := self.on_sender(address):
            return reply
        envelope.mail_from = address
        return "250 OK"

    async def handle_RCPT(self, server: SMTP, session: Session, envelope: Envelope, address: str, options: list):
        reply = await self._answer(server, self.on_recipient(address))
        if reply is None:
            envelope.rcpt_tos.append(address)
        return reply or "250 OK"

    async def handle_DATA(self, server: SMTP, session: Session, envelope: Envelope):
        message = message_from_bytes(envelope.original_content, policy=policy.default)
        reply = await self._answer(server, self.on_data(message))
        if reply is None:
            self.taken.append(message)
        return reply or "250 Queued as 4711"

    async def _answer(self, server: SMTP, answer: str | Exception | Hold | None) -> str | None:
        if isinstance(answer, Hold):
            await answer.wait()
            return None
        if isinstance(answer, Drop):
            server.transport.abort()
            return "421 Gone"
        return answer

    def authenticate(self, server: SMTP, session: Session, envelope: Envelope, mechanism: str, auth: LoginPassword):
        self.sign_ins += 1
        is_right = auth.login == USER.encode() and auth.password == PASSWORD.encode()
        return AuthResult(success=self.accepts_sign_in and is_right, handled=False)


@contextmanager
def run_mail_server(
    *, port: int = 0, offers_sign_in: bool = False, tls_context: ssl.SSLContext | None = None
) -> Iterator[tuple[StandIn, int]]:
    """Yield what the server does and took, and its port. With a `tls_context`, it offers STARTTLS."""
    stand_in, port = StandIn(), port or free_port()
    controller = Controller(
        stand_in,
        hostname="127.0.0.1",
        port=port,
        authenticator=stand_in.authenticate,
        tls_context=tls_context,
        auth_require_tls=not offers_sign_in,
    )
    controller.start()
    try:
        yield stand_in, port
    finally:
        controller.stop()
