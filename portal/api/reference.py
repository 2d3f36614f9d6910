"""The OpenAPI document as a page shows it: references followed, schemas as rows, an example for each request."""

from __future__ import annotations

import json
import re
import shlex
from dataclasses import dataclass, replace
from typing import Any

from django.conf import settings

from portal.api.operations import COMMON_PROBLEMS
from portal.api.problems import PROBLEM_TYPES, ProblemType


@dataclass(frozen=True)
class ReferenceRow:
    """A parameter or a member of an object: `depth` says how deep it stands in another."""

    name: str
    type: str
    description: str
    required: bool
    where: str = ""
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
    answers: list[ResponseReference]
    refusals: list[ProblemType]  # besides those of every operation
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
    title: str
    version: str
    groups: list[OperationGroup]
    problems: list[ProblemType]
    always: list[ProblemType]


def build_reference(document: dict[str, Any]) -> Reference:
    """The document's operations by tag."""
    reader = _ReferenceBuilder(document)
    groups: dict[str, list[OperationReference]] = {tag["name"]: [] for tag in document["tags"]}
    for path, of_path in document["paths"].items():
        for method, operation in of_path.items():
            groups[operation["tags"][0]].append(reader.operation(method.upper(), path, operation))
    return Reference(
        title=document["info"]["title"],
        version=document["info"]["version"],
        groups=[OperationGroup(name, operations) for name, operations in groups.items()],
        problems=list(PROBLEM_TYPES.values()),
        always=[PROBLEM_TYPES[code] for code in COMMON_PROBLEMS],
    )


class _ReferenceBuilder:
    def __init__(self, document: dict[str, Any]) -> None:
        self.document = document

    def follow(self, node: dict[str, Any]) -> dict[str, Any]:
        while "$ref" in node:
            found: Any = self.document
            for step in node["$ref"].removeprefix("#/").split("/"):
                found = found[step]
            node = found
        return node

    def operation(self, method: str, path: str, operation: dict[str, Any]) -> OperationReference:
        parameters = [self.follow(one) for one in operation["parameters"]]
        content = operation.get("requestBody", {}).get("content", {})
        body_type, body = next(iter(content.items()), ("", {}))
        schema = body.get("schema", {})
        answers, refusals = [], []
        for status, answer in operation["responses"].items():
            of_answer = answer.get("content", {})
            if status < "400":
                rows = self.rows(of_answer["application/json"]["schema"]) if of_answer else []
                answers.append(ResponseReference(status, answer["description"], rows))
            else:
                codes = of_answer["application/problem+json"]["examples"]
                refusals += [PROBLEM_TYPES[code] for code in codes if code not in COMMON_PROBLEMS]
        return OperationReference(
            id=operation["operationId"],
            method=method,
            path=path,
            summary=operation["summary"],
            description=_replace_backticks(operation.get("description", "")),
            scope=operation["x-scope"],
            parameters=[
                ReferenceRow(
                    one["name"],
                    self.type_of(one["schema"]),
                    _replace_backticks(one.get("description", "")),
                    one.get("required", False),
                    one["in"],
                )
                for one in parameters
            ],
            body_type=body_type,
            body=self.rows(schema) if schema else [],
            answers=answers,
            refusals=refusals,
            curl=self.curl(method, path, body_type, schema),
        )

    def rows(self, schema: dict[str, Any], depth: int = 0) -> list[ReferenceRow]:
        """The members of an object, and beneath each those of the object or the list of objects that it holds."""
        schema = self.follow(schema)
        if "properties" not in schema and "anyOf" in schema:  # one of several objects: none of them must be given
            rows = (replace(row, required=False) for one in schema["anyOf"] for row in self.rows(one, depth))
            return list(dict.fromkeys(rows))
        required = schema.get("required", [])
        rows = []
        for name, member in schema.get("properties", {}).items():
            description = member.get("description") or self.follow(member).get("description", "")
            rows.append(
                ReferenceRow(name, self.type_of(member), _replace_backticks(description), name in required, depth=depth)
            )
            if depth < 3 and (inner := self.object_in(member)):
                rows += self.rows(inner, depth + 1)
        return rows

    def object_in(self, schema: dict[str, Any]) -> dict[str, Any] | None:
        schema = self.follow(schema)
        if "properties" in schema:
            return schema
        inner = schema.get("items") or next((one for one in schema.get("anyOf", ()) if one.get("type") != "null"), None)
        return self.object_in(inner) if inner else None

    def type_of(self, schema: dict[str, Any]) -> str:
        """In words: integer or null; one of off, on; list of objects."""
        schema = self.follow(schema)
        if "anyOf" in schema:
            return " or ".join(dict.fromkeys(self.type_of(one) for one in schema["anyOf"]))
        if "enum" in schema:
            return f"one of {', '.join(str(one) or '(empty)' for one in schema['enum'])}"
        if "const" in schema:
            return str(schema["const"])
        kind = schema.get("type", "any")
        if kind == "array":
            return f"list of {self.type_of(schema['items'])}s"
        return {"date-time": "time", "binary": "file"}.get(schema.get("format", ""), kind)

    def curl(self, method: str, path: str, body_type: str, schema: dict[str, Any]) -> str:
        """The request as one would type it, with an example of each value that must be given."""
        words = [f"curl -X {method}" if method != "GET" else "curl"]
        words.append(shlex.quote(settings.PUBLIC_URL + self.filled(path)))
        words.append('-H "Authorization: Bearer $API_KEY"')
        if method != "GET":
            words.append('-H "Idempotency-Key: $(uuidgen)"')
        if body_type == "multipart/form-data":
            words.append("-F file=@numbers.csv")
        elif body_type:
            words.append("-H 'Content-Type: application/json'")
            words.append(f"-d {shlex.quote(json.dumps(self.example(schema)))}")
        return " \\\n  ".join(words)

    @staticmethod
    def filled(path: str) -> str:
        return "/".join("17" if part.startswith("{") else part for part in path.split("/"))

    def example(self, schema: dict[str, Any]) -> Any:
        schema = self.follow(schema)
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
    """The document's descriptions are Markdown, of which they use nothing but `code`."""
    return re.sub(r"`([^`]+)`", "“\\1”", description)
