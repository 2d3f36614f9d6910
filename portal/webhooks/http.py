"""One exchange with a receiver, and many at the same time: signed, within its time, and with nobody else."""

from __future__ import annotations

import asyncio
import logging
import time
from concurrent.futures import Future, ThreadPoolExecutor
from dataclasses import dataclass
from http import HTTPStatus
from threading import Thread
from types import TracebackType

import httpx
from django.utils import timezone
from standardwebhooks import Webhook

from portal.webhooks import addresses
from portal.webhooks.addresses import NotAllowed

logger = logging.getLogger(__name__)

# The whole exchange, from the look-up of the name to the end of the answer.
TOTAL_SECONDS = 15
CONNECT_SECONDS = 5
# Once the status is known the rest of the answer is only for people to read: a beginning of it, and not for long.
BODY_SECONDS = 2
MAX_BODY_BYTES = 64 * 1024
STORED_BODY_CHARS = 2_000
# Names are looked up in threads; a slow DNS must not hold up the others.
MAX_RESOLVER_THREADS = 32
USER_AGENT = "Number-Reputation-Portal-Webhooks/1"


@dataclass(frozen=True)
class WebhookRequest:
    """What is sent to whom. Each secret signs; a receiver needs to know but one."""

    url: str
    event_id: str
    body: str
    secrets: tuple[str, ...]


@dataclass(frozen=True)
class SendResult:
    """What came of it: the answer's status (None: there was none), in words, its beginning, and how long it took."""

    status: int | None
    said: str
    answer: str
    duration_ms: int

    @property
    def is_delivered(self) -> bool:
        return self.status is not None and 200 <= self.status < 300

    @property
    def is_gone(self) -> bool:
        """The receiver wants to be told nothing any more."""
        return self.status == HTTPStatus.GONE


class Sender:
    """Sends any number at the same time, in an event loop of its own, so that a slow receiver holds up no other.

    What is sent goes by httpx's transport alone: it keeps no cookies, follows no redirects, asks no proxy and unpacks
    no answer. Connections are not kept: two names may share an address, and each is to show its own certificate.
    """

    def __enter__(self) -> Sender:
        self._look_ups = ThreadPoolExecutor(MAX_RESOLVER_THREADS, thread_name_prefix="webhook-names")
        self._loop = asyncio.new_event_loop()
        self._loop.set_default_executor(self._look_ups)
        self._thread = Thread(target=self._loop.run_forever, name="webhooks", daemon=True)
        self._thread.start()
        limits = httpx.Limits(max_connections=None, max_keepalive_connections=0)
        # Whom to trust is said by the machine (SSL_CERT_FILE), or else by certifi.
        context = httpx.create_ssl_context()
        self._transport = httpx.AsyncHTTPTransport(verify=context, trust_env=False, limits=limits)
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        asyncio.run_coroutine_threadsafe(self._end(), self._loop).result()
        self._loop.call_soon_threadsafe(self._loop.stop)
        self._thread.join()
        self._loop.close()
        self._look_ups.shutdown(wait=False)

    def send(self, sending: WebhookRequest) -> Future[SendResult]:
        """The outcome comes within TOTAL_SECONDS, and is never an exception of the network."""
        return asyncio.run_coroutine_threadsafe(_exchange(self._transport, sending), self._loop)

    async def _end(self) -> None:
        """Whatever is still under way is broken off."""
        rest = asyncio.all_tasks() - {asyncio.current_task()}
        for task in rest:
            task.cancel()
        await asyncio.gather(*rest, return_exceptions=True)
        await self._transport.aclose()


async def _exchange(transport: httpx.AsyncBaseTransport, sending: WebhookRequest) -> SendResult:
    began = time.monotonic()
    status, answer = None, ""
    try:
        async with asyncio.timeout(TOTAL_SECONDS):
            response = await _answered(transport, sending)
        try:
            status, said = response.status_code, _summarize(response)
            answer = await _beginning(response)
        finally:
            await response.aclose()
    except TimeoutError:
        said = f"No answer within {TOTAL_SECONDS} seconds."
    except NotAllowed as refused:
        said = str(refused)
    except httpx.ConnectTimeout:
        said = f"No connection within {CONNECT_SECONDS} seconds."
    except httpx.ConnectError as error:
        said = f"No connection: {error or 'refused'}."
    except httpx.TransportError as error:
        said = f"The connection broke off before an answer: {error or type(error).__name__}."
    except Exception:  # whatever one receiver brings about, the others are served
        logger.exception("a webhook could not be sent to %s", sending.url)
        said = "It could not be sent. Whoever runs the portal finds the reason in its log."
    return SendResult(status, said[:300], answer, round((time.monotonic() - began) * 1000))


async def _answered(transport: httpx.AsyncBaseTransport, sending: WebhookRequest) -> httpx.Response:
    """The answer's head. Connects to an address that was looked up and checked just now; the name stays in the Host
    header and in TLS, so that the certificate is checked against it."""
    url = addresses.parse_url(sending.url)
    found = await asyncio.get_running_loop().run_in_executor(None, addresses.resolve, url)
    for place, address in enumerate(found, 1):
        request = httpx.Request(
            "POST",
            url.copy_with(host=address),
            headers={"Host": url.netloc.decode("ascii"), **_headers(sending)},
            content=sending.body.encode(),
            extensions={
                "sni_hostname": url.raw_host.decode("ascii"),
                "timeout": httpx.Timeout(TOTAL_SECONDS, connect=CONNECT_SECONDS).as_dict(),
            },
        )
        try:
            return await transport.handle_async_request(request)
        except (httpx.ConnectError, httpx.ConnectTimeout):
            if place == len(found):
                raise
    raise NotAllowed(f"No server is known by the name {url.host}.")


def _headers(sending: WebhookRequest) -> dict[str, str]:
    """Signed at the moment of sending, since receivers refuse what was signed long ago."""
    now = timezone.now()
    signatures = (Webhook(secret).sign(sending.event_id, now, sending.body) for secret in sending.secrets)
    return {
        "Content-Type": "application/json",
        "User-Agent": USER_AGENT,
        "webhook-id": sending.event_id,
        "webhook-timestamp": str(int(now.timestamp())),
        "webhook-signature": " ".join(signatures),
    }


def _summarize(response: httpx.Response) -> str:
    status = response.status_code
    if 300 <= status < 400:
        where = response.headers.get("location", "nowhere")[:150]
        return f"Answered {status} and pointed to {where}. Redirects are not followed: write the final address."
    if status == HTTPStatus.GONE:
        return "Answered 410: the receiver wants to be told nothing any more."
    try:
        return f"Answered {status} {HTTPStatus(status).phrase}."
    except ValueError:
        return f"Answered {status}."


async def _beginning(response: httpx.Response) -> str:
    """What can be read of the answer in short time; it may drip or never end, and nothing depends on it."""
    read = b""
    try:
        async with asyncio.timeout(BODY_SECONDS):
            async for part in response.aiter_raw():
                read += part
                if len(read) >= MAX_BODY_BYTES:
                    break
    except (TimeoutError, httpx.TransportError, httpx.StreamError):
        pass
    # Neither database nor page has a use for control characters.
    return "".join(
        c if c.isprintable() or c in "\n\t" else "\ufffd"
        for c in read[: 2 * STORED_BODY_CHARS].decode(errors="replace")
    )[:STORED_BODY_CHARS]
