"""Headers of private responses, and a page for responses with status 405."""

from __future__ import annotations

from collections.abc import Callable

from django.http import HttpRequest, HttpResponse, HttpResponseNotAllowed
from django.shortcuts import render


def privacy_headers_middleware(
    get_response: Callable[[HttpRequest], HttpResponse],
) -> Callable[[HttpRequest], HttpResponse]:
    """Keep responses out of caches, and all resources out of the pages of other sites.

    Static files are public, and say themselves how long browsers keep them. Everything else is `no-store`: what a
    member sees must not be on the disk of a shared computer, nor come back with the browser's *Back* after signing out.
    """

    def middleware(request: HttpRequest) -> HttpResponse:
        response = get_response(request)
        response.headers.setdefault("Cache-Control", "no-store")
        response.headers.setdefault("Cross-Origin-Resource-Policy", "same-origin")
        return response

    return middleware


def method_not_allowed_middleware(
    get_response: Callable[[HttpRequest], HttpResponse],
) -> Callable[[HttpRequest], HttpResponse]:
    """Render a page for 405. Django's response is empty: somebody who reloads a POST-only address would see nothing.

    TRACE is for finding out what proxies do with a request. No view expects it.
    """

    def middleware(request: HttpRequest) -> HttpResponse:
        response = HttpResponseNotAllowed(["GET"]) if request.method == "TRACE" else get_response(request)
        if response.status_code != 405 or response.content:
            return response
        page = render(request, "405.html", status=405)
        page.headers["Allow"] = response.headers["Allow"]
        return page

    return middleware
