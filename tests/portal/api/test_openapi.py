"""The OpenAPI document, and the page made from it."""

import json

import pytest
from django.urls import reverse
from openapi_spec_validator import validate

from portal.accounts.roles import API_SCOPES
from portal.api.problem_types import PROBLEM_TYPES
from reputation.views.api_reference import openapi_document
from tests.support.pages import get_html
from tests.support.urls import all_api_operations

pytestmark = pytest.mark.django_db


def test_document_is_valid_and_public(client):
    document = client.get("/api/v1/openapi.json").json()
    validate(document)
    assert document["openapi"].startswith("3.1")
    assert document["info"]["version"]
    assert document == json.loads(json.dumps(openapi_document()))


def test_every_operation_documents_its_scope_and_its_problems():
    for of_path in openapi_document()["paths"].values():
        for operation in of_path.values():
            assert operation["security"] == [{"key": [operation["x-scope"]]}]
            assert operation["x-scope"] in API_SCOPES
            assert {"401", "403", "429", "500"} <= set(operation["responses"])
            assert operation["summary"]


def test_page_shows_every_operation_and_every_problem(as_viewer):
    page = get_html(as_viewer.get(reverse("api-reference")))
    for operation in all_api_operations():
        assert f'id="{operation.id}"' in page
        assert operation.path in page
    for code in PROBLEM_TYPES:
        assert f'id="problem-{code}"' in page
    assert "<script" not in page.partition("<main")[2]


def test_page_takes_at_most_6_queries(as_viewer, django_assert_max_num_queries):
    as_viewer.get(reverse("api-reference"))
    with django_assert_max_num_queries(6):
        as_viewer.get(reverse("api-reference"))
