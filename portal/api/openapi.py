"""Build the OpenAPI 3.1 document: django-ninja's, completed with headers, parameters and problems of the framework."""

from __future__ import annotations

from http import HTTPStatus
from typing import Any

from ninja import NinjaAPI

from portal.accounts.roles import API_SCOPES
from portal.api.idempotency import KEY_PATTERN
from portal.api.problem_types import PROBLEM_TYPES, ProblemType
from portal.api.problems import CONTENT_TYPE
from portal.api.rate_limits import POLICIES

_PROBLEM_SCHEMA = {
    "type": "object",
    "description": "A refusal (RFC 9457). `code` is for programs; the sentences are for people, and may change.",
    "properties": {
        "type": {"type": "string", "format": "uri", "description": "Where this kind of refusal is explained."},
        "title": {"type": "string"},
        "status": {"type": "integer"},
        "code": {"type": "string", "enum": list(PROBLEM_TYPES)},
        "detail": {"type": "string", "description": "What happened, and what it means."},
        "hint": {"type": "string", "description": "What to do next."},
        "errors": {
            "type": "array",
            "description": "For a request that is wrong: each place, and what is wrong there.",
            "items": {
                "type": "object",
                "properties": {"where": {"type": "string"}, "detail": {"type": "string"}},
                "required": ["where", "detail"],
            },
        },
        "id": {"type": "integer", "description": "For number_exists: the number that is there."},
        "ends_monitoring": {
            "type": "integer",
            "description": "For monitoring_would_end: for how many numbers monitoring would end.",
        },
    },
    "required": ["type", "title", "status", "code", "detail", "hint"],
}

_HEADERS = {
    "RateLimit-Policy": {
        "description": "How many requests a key may make in how many seconds; left out where there is no limit.",
        "schema": {"type": "string", "pattern": rf'^"({"|".join(POLICIES)})";q=\d+;w=\d+$'},
    },
    "RateLimit": {
        "description": "How many of them are left, and in how many seconds they begin anew.",
        "schema": {"type": "string", "pattern": rf'^"({"|".join(POLICIES)})";r=\d+;t=\d+$'},
    },
    "Idempotency-Replayed": {
        "description": "`true`: this is the stored answer to the same request, which was not done again.",
        "schema": {"type": "string", "enum": ["true"]},
    },
    "ETag": {
        "description": "The version of the object, for If-Match.",
        "schema": {"type": "string", "pattern": '^"[0-9a-f]{20}"$'},
    },
    "Location": {
        "description": "The address of what was made.",
        "schema": {"type": "string", "format": "uri-reference"},
    },
    "WWW-Authenticate": {
        "description": "Which key is wanted, and what was wrong with the one that came (RFC 6750).",
        "schema": {"type": "string", "pattern": "^Bearer "},
    },
    "Retry-After": {"description": "In how many seconds to ask again.", "schema": {"type": "integer", "minimum": 0}},
}

_PARAMETERS = {
    "IdempotencyKey": {
        "name": "Idempotency-Key",
        "in": "header",
        "required": False,
        "description": (
            "A text of your own, new for each new request, and the same when you send the very same request again "
            "because its answer was lost: it is then done once, and the stored answer comes back. Kept for 24 hours."
        ),
        "schema": {"type": "string", "pattern": KEY_PATTERN},
        "example": "5f0c2c1e-order-17",
    },
    "IfMatch": {
        "name": "If-Match",
        "in": "header",
        "required": False,
        "description": "The ETag that you read: if somebody else changed the object since, nothing is changed (412).",
        "schema": {"type": "string"},
        "example": '"0f1e2d3c4b5a69788796"',
    },
}

_SECURITY_SCHEME = {
    "type": "http",
    "scheme": "bearer",
    "bearerFormat": "nrp_PREFIX_SECRET",
    "description": "An API key. Its scopes are independent: "
    + " ".join(f"`{scope.code}`: {scope.description}" for scope in API_SCOPES.values()),
}


# By kind of body.
_FILE_TYPES = {
    "file": "text/csv, application/vnd.openxmlformats-officedocument.spreadsheetml.sheet",
    "photo": "image/jpeg, image/png, image/webp",
}


def build_openapi_document(api: NinjaAPI) -> dict[str, Any]:
    """Return the document as plain dictionaries and lists. It does not change while the process runs."""
    generated = api.get_openapi_schema()
    for operations in generated["paths"].values():
        for operation in operations.values():
            _complete_operation(operation)
    components = generated["components"]
    components["schemas"]["Problem"] = _PROBLEM_SCHEMA
    components["headers"] = _HEADERS
    components["parameters"] = _PARAMETERS
    components["securitySchemes"] = {"key": _SECURITY_SCHEME}
    components["responses"] = {}
    return {
        "openapi": "3.1.0",
        "info": dict(generated["info"]),
        "servers": [{"url": "/"}],
        "tags": generated["tags"],
        "paths": generated["paths"],
        "components": {name: value for name, value in components.items() if value},
    }


def _complete_operation(operation: dict[str, Any]) -> None:
    """Add what `operations.operation` declared to the operation that django-ninja generated."""
    scope, codes, kind = operation["x-scope"], operation.pop("x-problems"), operation.pop("x-body")
    is_write, returns_etag = operation.pop("x-write"), operation.pop("x-returns-etag")
    checks_if_match = operation.pop("x-checks-if-match")
    if operation.get("description", "").strip().rstrip(".") == operation["summary"]:
        del operation["description"]  # a docstring of one line is the summary
    operation["security"] = [{"key": [scope]}]
    operation["responses"] = {str(status): response for status, response in operation["responses"].items()}
    parameters = operation.setdefault("parameters", [])
    for media_type, body in operation.get("requestBody", {}).get("content", {}).items():
        if media_type == "multipart/form-data":
            body["encoding"] = {"file": {"contentType": _FILE_TYPES[kind]}}
    if is_write:
        parameters.append({"$ref": "#/components/parameters/IdempotencyKey"})
    if checks_if_match:
        parameters.append({"$ref": "#/components/parameters/IfMatch"})
    headers = ["RateLimit-Policy", "RateLimit", *(["Idempotency-Replayed"] if is_write else [])]
    for status, response in operation["responses"].items():
        location, etag = ["Location"] if status == "201" else [], ["ETag"] if returns_etag else []
        response["headers"] = _header_references([*headers, *location, *etag])
    by_status: dict[int, list[ProblemType]] = {}
    for code in codes:
        by_status.setdefault(PROBLEM_TYPES[code].status, []).append(PROBLEM_TYPES[code])
    for status, problem_types in sorted(by_status.items()):
        operation["responses"][str(status)] = _problem_response(status, problem_types, headers)


# Headers that only problems with this status have.
_PROBLEM_HEADERS = {
    401: ["WWW-Authenticate"],
    403: ["WWW-Authenticate"],
    412: ["ETag"],
    429: ["Retry-After"],
    503: ["Retry-After"],
}


def _problem_response(status: int, problem_types: list[ProblemType], headers: list[str]) -> dict[str, Any]:
    if status in (401, 403):  # refused before the request is counted
        headers = []
    elif status == 429:
        headers = [name for name in headers if name != "Idempotency-Replayed"]
    return {
        "description": f"{HTTPStatus(status).phrase}: {', '.join(item.code for item in problem_types)}",
        "headers": _header_references(headers + _PROBLEM_HEADERS.get(status, [])),
        "content": {
            CONTENT_TYPE: {
                "schema": {"$ref": "#/components/schemas/Problem"},
                "examples": {item.code: _problem_example(item) for item in problem_types},
            }
        },
    }


def _problem_example(problem_type: ProblemType) -> dict[str, Any]:
    return {
        "summary": problem_type.title,
        "value": {
            "type": problem_type.type_uri,
            "title": problem_type.title,
            "status": problem_type.status,
            "code": problem_type.code,
            "detail": problem_type.detail,
            "hint": problem_type.hint,
        },
    }


def _header_references(names: list[str]) -> dict[str, Any]:
    return {name: {"$ref": f"#/components/headers/{name}"} for name in names}
