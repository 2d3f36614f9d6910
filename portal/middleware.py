"""What a method that an address does not take is answered with."""

from __future__ import annotations

from collections.abc import Callable

from django.http import HttpRequest, HttpResponse
from django.shortcuts import render


def method_not_allowed_middleware(get_response: Callable[[HttpRequest], HttpResponse]) -> Callable:
    """Django answers a GET of an address that only takes POST with an empty page; whoever reloads one is told why."""

    def middleware(request: HttpRequest) -> HttpResponse:
        answer = get_response(request)
        if answer.status_code != 405 or answer.content:
            return answer
        explained = render(request, "405.html", status=405)
        explained.headers["Allow"] = answer.headers["Allow"]
        return explained

    return middleware
