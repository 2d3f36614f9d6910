"""Send requests to receivers: many at once, each signed, within a time limit, and to checked addresses only."""

from __future__ import annotations

import asyncio
import logging
import time
from collections.abc import AsyncIterator
from concurrent.futures import Future, ThreadPoolExecutor
from contextlib import asynccontextmanager
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

# The body is only shown to people, so its beginning is enough.
MAX_BODY_BYTES = 64 * 1024
STORED_BODY_CHARS = 2_000
# DNS lookups block, so they run in threads; this many at once, so that slow ones do not delay the others.
MAX_RESOLVER_THREADS = 32
USER_AGENT = "Number-Reputation-Portal-Webhooks/1"


@dataclass(frozen=True)
class Timeouts:
    """The limits of a request, in seconds."""

    total: float = 15  # from the DNS lookup to the response's headers
    connect: float = 5
    body: float = 2


TIMEOUTS = Timeouts()


@dataclass(frozen=True)
class WebhookRequest:
    """A request to a receiver. Every secret signs it; the receiver needs to know one of them."""

    url: str
    event_id: str
    body: str
    secrets: tuple[str, ...]


@dataclass(frozen=True)
class SendResult:
    """The result of a request: status code (None: no response), a summary in words, the body's beginning, the time."""

    status_code: int | None
    summary: str
    response_body: str
    duration_ms: int

    @property
    def is_delivered(self) -> bool:
        return self.status_code is not None and 200 <= self.status_code < 300

    @property
    def is_gone(self) -> bool:
        """Whether the receiver asks not to be called again."""
        return self.status_code == HTTPStatus.GONE


class Sender:
    """Sends any number of requests at once, in an event loop of its own thread, so a slow receiver delays no other.

    It uses httpx's transport directly: no cookies, no redirects, no proxies, no decompression. Connections are not
    reused: two names may share an address, and each must present its own certificate.
    """

    def __init__(self, timeouts: Timeouts = TIMEOUTS) -> None:
        self.timeouts = timeouts

    def __enter__(self) -> Sender:
        self._resolver_pool = ThreadPoolExecutor(MAX_RESOLVER_THREADS, thread_name_prefix="webhook-names")
        self._loop = asyncio.new_event_loop()
        self._loop.set_default_executor(self._resolver_pool)
        self._thread = Thread(target=self._loop.run_forever, name="webhooks", daemon=True)
        self._thread.start()
        limits = httpx.Limits(max_connections=None, max_keepalive_connections=0)
        # Trusts the certificates of SSL_CERT_FILE, or else certifi's.
        context = httpx.create_ssl_context()
        self._transport = httpx.AsyncHTTPTransport(verify=context, trust_env=False, limits=limits)
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        asyncio.run_coroutine_threadsafe(self._close(), self._loop).result()
        self._loop.call_soon_threadsafe(self._loop.stop)
        self._thread.join()
        self._loop.close()
        self._resolver_pool.shutdown(wait=False)

    def send(self, request: WebhookRequest) -> Future[SendResult]:
        """Start a request. Its result never raises."""
        return asyncio.run_coroutine_threadsafe(_send(self._transport, request, self.timeouts), self._loop)

    async def _close(self) -> None:
        """Cancel the requests that are still running."""
        rest = asyncio.all_tasks() - {asyncio.current_task()}
        for task in rest:
            task.cancel()
        await asyncio.gather(*rest, return_exceptions=True)
        await self._transport.aclose()


async def _send(transport: httpx.AsyncBaseTransport, request: WebhookRequest, timeouts: Timeouts) -> SendResult:
    started = time.monotonic()
    status_code, body = None, ""
    try:
        async with _open_response(transport, request, timeouts) as response:
            status_code, summary = response.status_code, _summarize(response)
            body = await _read_beginning(response, timeouts)
    except Exception as error:
        summary = _summarize_error(error, request, timeouts)
    return SendResult(status_code, summary[:300], body, round((time.monotonic() - started) * 1000))


@asynccontextmanager
async def _open_response(
    transport: httpx.AsyncBaseTransport, request: WebhookRequest, timeouts: Timeouts
) -> AsyncIterator[httpx.Response]:
    async with asyncio.timeout(timeouts.total):
        response = await _request_response(transport, request, timeouts)
    try:
        yield response
    finally:
        await response.aclose()


async def _request_response(
    transport: httpx.AsyncBaseTransport, request: WebhookRequest, timeouts: Timeouts
) -> httpx.Response:
    """Send the request and return the response once its headers have arrived.

    Connects to an address that was looked up and checked just now. The Host header and TLS still use the name, so the
    certificate is checked against it.
    """
    url = addresses.parse_url(request.url)
    found = await asyncio.get_running_loop().run_in_executor(None, addresses.resolve, url)
    for position, address in enumerate(found, 1):
        http_request = httpx.Request(
            "POST",
            url.copy_with(host=address),
            headers={"Host": url.netloc.decode("ascii"), **_headers(request)},
            content=request.body.encode(),
            extensions={
                "sni_hostname": url.raw_host.decode("ascii"),
                "timeout": httpx.Timeout(timeouts.total, connect=timeouts.connect).as_dict(),
            },
        )
        try:
            return await transport.handle_async_request(http_request)
        except (httpx.ConnectError, httpx.ConnectTimeout):
            if position == len(found):
                raise
    raise addresses.NoPublicServer(url.host)


def _headers(request: WebhookRequest) -> dict[str, str]:
    """The signature is made when the request is sent, because receivers refuse old timestamps."""
    now = timezone.now()
    signatures = (Webhook(secret).sign(request.event_id, now, request.body) for secret in request.secrets)
    return {
        "Content-Type": "application/json",
        "User-Agent": USER_AGENT,
        "webhook-id": request.event_id,
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


def _summarize_error(error: Exception, request: WebhookRequest, timeouts: Timeouts) -> str:
    if isinstance(error, TimeoutError):
        return f"No answer within {timeouts.total} seconds."
    if isinstance(error, NotAllowed):
        return str(error)
    if isinstance(error, httpx.ConnectTimeout):
        return f"No connection within {timeouts.connect} seconds."
    if isinstance(error, httpx.ConnectError):
        return f"No connection: {error or 'refused'}."
    if isinstance(error, httpx.TransportError):
        return f"The connection broke off before an answer: {error or type(error).__name__}."
    # An unexpected error of one request must not stop the others.
    logger.error("a webhook could not be sent to %s", request.url, exc_info=error)
    return "It could not be sent. Whoever runs the portal finds the reason in its log."


async def _read_beginning(response: httpx.Response, timeouts: Timeouts) -> str:
    """Read the beginning of the body for a limited time. Errors are ignored: the status decides the result."""
    body = b""
    try:
        async with asyncio.timeout(timeouts.body):
            async for part in response.aiter_raw():
                body += part
                if len(body) >= MAX_BODY_BYTES:
                    break
    except (TimeoutError, httpx.TransportError, httpx.StreamError):
        pass
    # PostgreSQL refuses NUL, and pages cannot show control characters.
    text = body[: 2 * STORED_BODY_CHARS].decode(errors="replace")
    return "".join(c if c.isprintable() or c in "\n\t" else "\ufffd" for c in text)[:STORED_BODY_CHARS]
