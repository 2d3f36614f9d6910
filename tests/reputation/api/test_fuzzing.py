"""The API conforms to its OpenAPI document: schemathesis generates requests from the document.

Requests have every scope, one or none. They are derandomized, with few examples for each operation, so that the tests
are repeatable and take a minute. The coverage phase also tests the boundaries of every value.
"""

from io import BytesIO
from uuid import uuid4

import pytest
import schemathesis
from django.core.signals import request_finished, request_started
from django.core.wsgi import get_wsgi_application
from django.db import close_old_connections
from hypothesis import HealthCheck, Phase, strategies
from hypothesis import settings as examples
from openpyxl import Workbook
from schemathesis.config import SchemathesisConfig
from schemathesis.core.parameters import ParameterLocation

from portal.accounts.roles import API_SCOPES
from portal.api.pagination import encode_cursor
from reputation.models import Case
from tests.factories import ApplicationFactory, LicenceFactory
from tests.support.urls import OBJECT_FACTORIES, create_api_key, create_case

pytestmark = pytest.mark.django_db

# What the schema cannot describe: existing phone numbers, and CSV files of them.
phone_numbers = strategies.integers(2_000_000, 9_999_999).map(lambda n: f"+1206{n}")
schemathesis.openapi.format("phone-number", phone_numbers)
schemathesis.openapi.media_type("text/csv", phone_numbers.map(lambda number: f"number\n{number}\n".encode()))


def create_workbook(number: str) -> bytes:
    workbook, written = Workbook(), BytesIO()
    workbook.active.append([number])
    workbook.save(written)
    return written.getvalue()


schemathesis.openapi.media_type(
    "application/vnd.openxmlformats-officedocument.spreadsheetml.sheet", phone_numbers.map(create_workbook)
)

# A well-formed request may have an outdated If-Match.
ACCEPTED_STATUSES = ["2xx", "401", "403", "404", "409", "412"]
# Which columns and sheets a file has, and whether its bytes are a table or a picture, is in no schema. Neither is which
# days are recent, or which telephones an account has.
REFUSES_BY_FACTS = [
    "POST /api/v1/imports",
    "POST /api/v1/imports/{import_id}/columns",
    "POST /api/v1/label-photos",
    "POST /api/v1/label-reports",
    "POST /api/v1/test-rounds",
]

SCHEMATHESIS_CONFIG = {
    "checks": {"positive_data_acceptance": {"expected-statuses": ACCEPTED_STATUSES}},
    "operations": [
        {
            "include-name": name,
            "checks": {"positive_data_acceptance": {"expected-statuses": [*ACCEPTED_STATUSES, "422"]}},
        }
        for name in REFUSES_BY_FACTS
    ],
    # The tests send keys. Invalid keys are covered by the check ignored_auth, and by
    # tests/portal/accounts/test_api_keys.py.
    "generation": {"with-security-parameters": False},
}

schema = schemathesis.openapi.from_wsgi(
    "/api/v1/openapi.json",
    get_wsgi_application(),
    config=SchemathesisConfig.from_dict(SCHEMATHESIS_CONFIG),
)

DETERMINISTIC = {"derandomize": True, "deadline": None, "database": None, "suppress_health_check": list(HealthCheck)}


@pytest.fixture(autouse=True)
def no_rate_limit(settings):
    settings.API_RATE_LIMIT = 0


@pytest.fixture(autouse=True)
def keep_connection_open():
    """Keep the connection open, as Django's test client does, so that requests see the test's transaction."""
    for signal in (request_started, request_finished):
        signal.disconnect(close_old_connections)
    yield
    for signal in (request_started, request_finished):
        signal.connect(close_old_connections)


@pytest.fixture
def object_ids(account) -> dict[str, int]:
    """The id of an object for each id parameter of a path, in an enrolled account."""
    ApplicationFactory(account=account)
    LicenceFactory(account=account)
    made = {
        f"{name}_id": OBJECT_FACTORIES[name](account).pk for name in ("number", "campaign", "bulk_action", "import")
    }
    return made | {"case_id": create_case(account, Case.State.FAILED).pk}


def use_existing_ids(case, object_ids) -> None:
    """Replace well-formed values by meaningful ones: ids of existing objects, no cursor, and a new Idempotency-Key."""

    def well_formed(where: ParameterLocation) -> bool:
        return not (case.meta and case.meta.is_negative_at(where))

    if case.path_parameters and well_formed(ParameterLocation.PATH):
        case.path_parameters = {name: object_ids.get(name, value) for name, value in case.path_parameters.items()}
    if case.query and well_formed(ParameterLocation.QUERY):
        case.query.pop("cursor", None)
    if isinstance(case.body, dict) and well_formed(ParameterLocation.BODY):
        for name, thing in (("campaign_id", "campaign_id"), ("default_number_id", "number_id")):
            if case.body.get(name):
                case.body[name] = object_ids[thing]
    if "Idempotency-Key" in (case.headers or {}) and well_formed(ParameterLocation.HEADER):
        case.headers["Idempotency-Key"] = uuid4().hex


# The parameter also gives each operation's test its own name. Without it, pytest-xdist runs only one of them.
@pytest.mark.parametrize("scopes", [tuple(API_SCOPES)], ids=["all"])
@schema.parametrize()
@examples(max_examples=12, **DETERMINISTIC)
def test_api_conforms_to_its_schema_with_every_scope(case, scopes, object_ids, account, token_for):
    use_existing_ids(case, object_ids)
    case.call_and_validate(headers={"Authorization": f"Bearer {token_for(*scopes)}"})


@pytest.mark.parametrize("scope", ["match", "read", "write", None])
@schema.parametrize()
@examples(max_examples=3, phases=[Phase.generate], **DETERMINISTIC)
def test_api_conforms_to_its_schema_with_one_scope_or_without_a_key(case, scope, object_ids, account, token_for):
    use_existing_ids(case, object_ids)
    may = case.operation.definition.raw["x-scope"] == scope
    headers = {"Authorization": f"Bearer {token_for(scope)}"} if scope else {}
    answer = case.call_and_validate(headers=headers)
    assert (answer.status_code == 401) == (scope is None)
    assert (answer.status_code == 403) == (scope is not None and not may)


@pytest.fixture
def token_for(account):
    made = {}

    def token(*scopes: str) -> str:
        if scopes not in made:
            made[scopes] = create_api_key(account, *scopes)[1]
        return made[scopes]

    return token


def test_cursor_returned_by_a_list_is_accepted(api_client):
    assert api_client.get("/api/v1/numbers", {"cursor": encode_cursor("numbers", 5)}).status_code == 200
