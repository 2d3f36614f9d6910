"""Authentication of API requests by a bearer token.

Sessions, cookies and CSRF tokens are ignored: a browser sends those without being asked, but never a bearer token.
"""

from __future__ import annotations

from collections.abc import Callable
from datetime import datetime
from functools import wraps

from django.http import HttpRequest, HttpResponse
from django.utils import timezone
from django.views.decorators.csrf import csrf_exempt

from portal.accounts import api_keys
from portal.accounts.api_keys import AuthenticatedKey
from portal.accounts.api_keys.errors import KeyUnknown
from portal.accounts.roles import API_SCOPES
from portal.api import rate_limits
from portal.api.problems import Problem, problem_from_exception
from portal.audit import Actor, Context
from portal.authentication import throttling
from portal.authentication.throttling import MustWait, Subject
from portal.client_address import get_client_address


class ApiRequest(HttpRequest):
    """A request with a valid API key; `context` is for functions that change something."""

    caller: AuthenticatedKey
    context: Context


View = Callable[..., HttpResponse]


def _count_unknown_key(request: HttpRequest, error: Exception, now: datetime) -> Exception:
    """Make addresses wait that try many keys. A request with a valid key is never counted, and never waits."""
    if isinstance(error, KeyUnknown):
        address = throttling.get_network(get_client_address(request))
        try:
            throttling.begin_attempt([Subject(throttling.API_ADDRESS, address)], now=now)
        except MustWait as wait:
            return Problem("rate_limited", wait.sentence, headers={"Retry-After": str(wait.seconds)})
    return error


def require_api_key(scope: str, *, policy: str = "default") -> Callable[[View], View]:
    """Decorate a view: require a key with the scope, apply the rate limit, and answer exceptions as problems.

    It adds one query to those of the view, and no write. Raises KeyError, when the view is defined,
    for a scope that the role table does not have.
    """
    scope = API_SCOPES[scope].code

    def decorate(view: View) -> View:
        @csrf_exempt
        @wraps(view)
        def inner(request: ApiRequest, *args: object, **kwargs: object) -> HttpResponse:
            now = timezone.now()
            headers = {"Cache-Control": "no-store"}
            try:
                caller = api_keys.authenticate(
                    request.META.get("HTTP_AUTHORIZATION"), scope=scope, now=now, address=get_client_address(request)
                )
                request.caller = caller
                request.context = Context(Actor(user=None, via="api", api_key_id=caller.pk), now)
                api_keys.record_use(caller, now=now)
                rate_limit = rate_limits.count_request(caller, policy, now=now)
                headers |= rate_limit.headers
                rate_limit.raise_if_exceeded()
                response = view(request, *args, **kwargs)
            except Exception as error:
                response = problem_from_exception(_count_unknown_key(request, error, now)).to_response()
            for name, value in headers.items():
                response.headers[name] = value
            return response

        return inner

    return decorate
