"""The OpenAPI document, and the API reference page made from it."""

from __future__ import annotations

from functools import cache

from django.http import HttpRequest, HttpResponse, JsonResponse
from django.shortcuts import render
from django.urls import path
from django.views.decorators.http import require_GET

from portal.accounts.access import MemberRequest, member_required
from portal.api import reference
from portal.api.openapi import build_openapi_document
from reputation.api.v1 import api


@cache
def openapi_document() -> dict:
    return build_openapi_document(api)


@require_GET
def openapi(request: HttpRequest) -> JsonResponse:
    """Public: the document describes the API and contains no data."""
    return JsonResponse(openapi_document())


@member_required
def api_reference(request: MemberRequest) -> HttpResponse:
    return render(request, "portal/api_reference.html", {"reference": reference.build_reference(openapi_document())})


urls = [
    path("api/", api_reference, name="api-reference"),
    path("api/v1/openapi.json", openapi, name="openapi"),
]
