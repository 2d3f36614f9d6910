"""The OpenAPI document prepared for a page: references resolved, schemas as rows, an example of each request."""

from __future__ import annotations

import json
import re
import shlex
from dataclasses import dataclass, replace
from typing import Any

from django.conf import settings

from portal.api.operations import COMMON_PROBLEMS
from portal.api.problem_types import PROBLEM_TYPES, ProblemType

MAX_DEPTH = 3


@dataclass(frozen=True)
class ReferenceRow:
    """A parameter, or a member of an object that is nested `depth` levels deep. `location` is path, query or header."""

    name: str
    type: str
    description: str
    required: bool
    location: str = ""
    depth: int = 0


@dataclass(frozen=True)
class ResponseReference:
    status: str
    description: str
    rows: list[ReferenceRow]


@dataclass(frozen=True)
class OperationReference:
    id: str
    method: str
    path: str
    summary: str
    description: str
    scope: str
    parameters: list[ReferenceRow]
    body_type: str
    body: list[ReferenceRow]
    responses: list[ResponseReference]
    problems: list[ProblemType]  # without the common ones
    curl: str


@dataclass(frozen=True)
class OperationGroup:
    name: str
    operations: list[OperationReference]

    @property
    def anchor(self) -> str:
        return f"group-{self.name.lower().replace(' ', '-')}"


@dataclass(frozen=True)
class Reference:
    version: str
    groups: list[OperationGroup]
    problem_types: list[ProblemType]
    common_problems: list[ProblemType]


def build_reference(document: dict[str, Any]) -> Reference:
    """Return the document's operations, grouped by tag."""
    builder = _ReferenceBuilder(document)
    groups: dict[str, list[OperationReference]] = {tag["name"]: [] for tag in document["tags"]}
    for path, operations in document["paths"].items():
        for method, operation in operations.items():
            groups[operation["tags"][0]].append(builder.operation(method.upper(), path, operation))
    return Reference(
        version=document["info"]["version"],
        groups=[OperationGroup(name, operations) for name, operations in groups.items()],
        problem_types=list(PROBLEM_TYPES.values()),
        common_problems=[PROBLEM_TYPES[code] for code in COMMON_PROBLEMS],
    )


class _ReferenceBuilder:
    def __init__(self, document: dict[str, Any]) -> None:
        self.document = document

    def resolve(self, node: dict[str, Any]) -> dict[str, Any]:
        """Follow `$ref`."""
        while "$ref" in node:
            found: Any = self.document
            for step in node["$ref"].removeprefix("#/").split("/"):
                found = found[step]
            node = found
        return node

    def operation(self, method: str, path: str, operation: dict[str, Any]) -> OperationReference:
        content: dict[str, Any] = operation.get("requestBody", {}).get("content", {})
        body_type, body = next(iter(content.items())) if content else ("", {})
        schema = body.get("schema", {})
        return OperationReference(
            id=operation["operationId"],
            method=method,
            path=path,
            summary=operation["summary"],
            description=_replace_backticks(operation.get("description", "")),
            scope=operation["x-scope"],
            parameters=[self.parameter(node) for node in operation["parameters"]],
            body_type=body_type,
            body=self.rows(schema) if schema else [],
            responses=self.responses(operation["responses"]),
            problems=self.problems(operation["responses"]),
            curl=self.curl(method, path, body_type, body),
        )

    def parameter(self, node: dict[str, Any]) -> ReferenceRow:
        parameter = self.resolve(node)
        return ReferenceRow(
            name=parameter["name"],
            type=self.type_name(parameter["schema"]),
            description=_replace_backticks(parameter.get("description", "")),
            required=parameter.get("required", False),
            location=parameter["in"],
        )

    def responses(self, responses: dict[str, Any]) -> list[ResponseReference]:
        found = []
        for status, response in responses.items():
            if status < "400":
                content = response.get("content")
                rows = self.rows(content["application/json"]["schema"]) if content else []
                found.append(ResponseReference(status, response["description"], rows))
        return found

    def problems(self, responses: dict[str, Any]) -> list[ProblemType]:
        return [
            PROBLEM_TYPES[code]
            for status, response in responses.items()
            if status >= "400"
            for code in response["content"]["application/problem+json"]["examples"]
            if code not in COMMON_PROBLEMS
        ]

    def rows(self, schema: dict[str, Any], depth: int = 0) -> list[ReferenceRow]:
        """Return the members of an object, each followed by those of the object, or list of objects, in it."""
        schema = self.resolve(schema)
        if "properties" not in schema and "anyOf" in schema:  # one of several objects, so no member is required
            alternatives = (replace(row, required=False) for item in schema["anyOf"] for row in self.rows(item, depth))
            return list(dict.fromkeys(alternatives))
        required = schema.get("required", [])
        rows: list[ReferenceRow] = []
        for name, member in schema.get("properties", {}).items():
            description = member.get("description") or self.resolve(member).get("description", "")
            rows.append(
                ReferenceRow(
                    name, self.type_name(member), _replace_backticks(description), name in required, depth=depth
                )
            )
            if depth < MAX_DEPTH and (nested := self.nested_object(member)):
                rows += self.rows(nested, depth + 1)
        return rows

    def nested_object(self, schema: dict[str, Any]) -> dict[str, Any] | None:
        schema = self.resolve(schema)
        if "properties" in schema:
            return schema
        alternatives = (item for item in schema.get("anyOf", ()) if item.get("type") != "null")
        nested = schema.get("items") or next(alternatives, None)
        return self.nested_object(nested) if nested else None

    def type_name(self, schema: dict[str, Any]) -> str:
        """Return the type in words: integer or null; one of off, on; list of objects."""
        schema = self.resolve(schema)
        if "anyOf" in schema:
            return " or ".join(dict.fromkeys(self.type_name(item) for item in schema["anyOf"]))
        if "enum" in schema:
            return f"one of {', '.join(str(value) or '(empty)' for value in schema['enum'])}"
        if "const" in schema:
            return str(schema["const"])
        name = schema.get("type", "any")
        if name == "array":
            return f"list of {self.type_name(schema['items'])}s"
        return {"date-time": "time", "binary": "file"}.get(schema.get("format", ""), name)

    def curl(self, method: str, path: str, body_type: str, body: dict[str, Any]) -> str:
        """Return an example request as a command, with the required values."""
        words = [f"curl -X {method}" if method != "GET" else "curl"]
        words.append(shlex.quote(settings.PUBLIC_URL + self.example_path(path)))
        words.append('-H "Authorization: Bearer $API_KEY"')
        if method != "GET":
            words.append('-H "Idempotency-Key: $(uuidgen)"')
        if body_type == "multipart/form-data":
            is_photo = body["encoding"]["file"]["contentType"].startswith("image/")
            words.append(f"-F file=@{'label.jpg' if is_photo else 'numbers.csv'}")
        elif body_type:
            words.append("-H 'Content-Type: application/json'")
            words.append(f"-d {shlex.quote(json.dumps(self.example(body.get('schema', {}))))}")
        return " \\\n  ".join(words)

    @staticmethod
    def example_path(path: str) -> str:
        return "/".join("17" if part.startswith("{") else part for part in path.split("/"))

    def example(self, schema: dict[str, Any]) -> Any:
        schema = self.resolve(schema)
        if schema.get("examples"):
            return schema["examples"][0]
        if "anyOf" in schema:
            return self.example(schema["anyOf"][0])
        if "properties" in schema:
            names = schema.get("required") or list(schema["properties"])[:1]
            return {name: self.example(schema["properties"][name]) for name in names}
        if schema.get("type") == "array":
            return [self.example(schema["items"])]
        return {"integer": 17, "boolean": True}.get(schema.get("type", ""), "Seattle outbound 4")


def _replace_backticks(description: str) -> str:
    """Descriptions are Markdown, of which they only use `code`."""
    return re.sub(r"`([^`]+)`", "“\\1”", description)
