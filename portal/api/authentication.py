"""Who is let in: the one way from a request to a view of the API.

No session, no cookie and no CSRF token count here: a browser sends those by itself, a bearer token never.
"""

from __future__ import annotations

from collections.abc import Callable
from functools import wraps

from django.http import HttpRequest, HttpResponse
from django.utils import timezone
from django.views.decorators.csrf import csrf_exempt

from portal.accounts import api_keys
from portal.accounts.api_keys import AuthenticatedKey
from portal.api import rate_limits
from portal.api.problems import problem_from_exception
from portal.audit import Actor, Context


class ApiRequest(HttpRequest):
    """A request with an API key: `context` says who changes something, and when."""

    caller: AuthenticatedKey
    context: Context


View = Callable[..., HttpResponse]


def require_api_key(scope: str, *, policy: str = "default") -> Callable[[View], View]:
    """For requests whose key has the scope and asks no more often than the policy lets it.

    Whatever the view raises is answered as a problem. Beside the view it takes one query, and a write about once a
    second.
    """

    def decorate(view: View) -> View:
        @csrf_exempt
        @wraps(view)
        def inner(request: ApiRequest, *args: object, **kwargs: object) -> HttpResponse:
            now = timezone.now()
            headers = {"Cache-Control": "no-store"}
            try:
                caller = api_keys.authenticate(request.META.get("HTTP_AUTHORIZATION"), scope=scope, now=now)
                request.caller = caller
                request.context = Context(Actor(user=None, via="api", key_id=caller.pk), now)
                api_keys.record_use(caller, now=now)
                spent = rate_limits.count_request(caller, policy, now=now)
                headers |= spent.headers
                spent.refuse_too_much()
                answer = view(request, *args, **kwargs)
            except Exception as error:
                answer = problem_from_exception(error).answer()
            for name, value in headers.items():
                answer.headers[name] = value
            return answer

        return inner

    return decorate
