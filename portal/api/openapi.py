"""The OpenAPI 3.1 document: what django-ninja knows of the operations, and what the guard does around them."""

from __future__ import annotations

from http import HTTPStatus
from typing import Any

from ninja import NinjaAPI

from portal.accounts.api_keys import SCOPES
from portal.api.idempotency import KEY_PATTERN
from portal.api.problems import CONTENT_TYPE, PROBLEM_TYPES, ProblemType
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
    + " ".join(f"`{scope.code}`: {scope.gives}" for scope in SCOPES.values()),
}


def build_openapi_document(api: NinjaAPI) -> dict[str, Any]:
    """The whole document, as plain dictionaries and lists. It is the same for everybody; build it once."""
    made = api.get_openapi_schema()
    for of_path in made["paths"].values():
        for operation in of_path.values():
            _complete_operation(operation)
    components = made["components"]
    components["schemas"]["Problem"] = _PROBLEM_SCHEMA
    components["headers"] = _HEADERS
    components["parameters"] = _PARAMETERS
    components["securitySchemes"] = {"key": _SECURITY_SCHEME}
    components["responses"] = {}
    return {
        "openapi": "3.1.0",
        "info": dict(made["info"]),
        "servers": [{"url": "/"}],
        "tags": made["tags"],
        "paths": made["paths"],
        "components": {name: value for name, value in components.items() if value},
    }


def _complete_operation(operation: dict[str, Any]) -> None:
    scope, codes = operation["x-scope"], operation.pop("x-refuses")
    is_write, is_versioned = operation.pop("x-write"), operation.pop("x-versioned")
    if operation.get("description", "").strip().rstrip(".") == operation["summary"]:
        del operation["description"]  # a docstring of one line is the summary
    operation["security"] = [{"key": [scope]}]
    operation["responses"] = {str(status): answer for status, answer in operation["responses"].items()}
    parameters = operation.setdefault("parameters", [])
    for media_type, body in operation.get("requestBody", {}).get("content", {}).items():
        if media_type == "multipart/form-data":
            body["encoding"] = {"file": {"contentType": "text/csv"}}
    if is_write:
        parameters.append({"$ref": "#/components/parameters/IdempotencyKey"})
    if is_versioned:
        parameters.append({"$ref": "#/components/parameters/IfMatch"})
    names = ["RateLimit-Policy", "RateLimit", *(["Idempotency-Replayed"] if is_write else [])]
    for status, answer in operation["responses"].items():
        more = [*(["Location"] if status == "201" else []), *(["ETag"] if _returns_etag(answer, status) else [])]
        answer["headers"] = _header_references([*names, *more])
    by_status: dict[int, list[ProblemType]] = {}
    for code in codes:
        by_status.setdefault(PROBLEM_TYPES[code].status, []).append(PROBLEM_TYPES[code])
    for status, kinds in sorted(by_status.items()):
        operation["responses"][str(status)] = _problem_response(status, kinds, names)


def _returns_etag(answer: dict[str, Any], status: str) -> bool:
    """Those that answer with one number or one campaign."""
    schema = answer.get("content", {}).get("application/json", {}).get("schema", {})
    return status in ("200", "201") and schema.get("$ref", "").rpartition("/")[2] in (
        "NumberResponse",
        "CampaignResponse",
    )


def _problem_response(status: int, kinds: list[ProblemType], names: list[str]) -> dict[str, Any]:
    headers = [] if status == 401 else list(names)
    headers += {401: ["WWW-Authenticate"], 403: ["WWW-Authenticate"], 429: ["Retry-After"], 412: ["ETag"]}.get(
        status, []
    )
    if status in (401, 403, 429):
        headers = [name for name in headers if name != "Idempotency-Replayed"]
    if status == 403:
        headers = ["WWW-Authenticate"]
    return {
        "description": f"{HTTPStatus(status).phrase}: {', '.join(kind.code for kind in kinds)}",
        "headers": _header_references(headers),
        "content": {
            CONTENT_TYPE: {
                "schema": {"$ref": "#/components/schemas/Problem"},
                "examples": {
                    kind.code: {
                        "summary": kind.title,
                        "value": {
                            "type": kind.address,
                            "title": kind.title,
                            "status": kind.status,
                            "code": kind.code,
                            "detail": kind.detail,
                            "hint": kind.hint,
                        },
                    }
                    for kind in kinds
                },
            }
        },
    }


def _header_references(names: list[str]) -> dict[str, Any]:
    return {name: {"$ref": f"#/components/headers/{name}"} for name in names}
