"""Operators edit connections, the providers of engines and the table of carriers in Django admin."""

import pytest
from django.urls import reverse

from portal.models import AuditEvent
from reputation.models import CarrierEngine, CircuitBreaker, Connection, Engine, EngineRole
from reputation.monitoring.carriers import find_engine
from tests.support.lookups import get_connection
from tests.support.pages import get_html
from tests.support.provider import FakeProvider

pytestmark = pytest.mark.django_db


class Rival(FakeProvider):
    """Has all roles for the same engines."""

    name = "rival"


def get_event():
    event = AuditEvent.objects.latest("pk")
    return event.code, event.before, event.after


def test_operator_adds_a_connection_of_an_account(as_operator, provider, account):
    data = {"provider": "vendor", "account": account.pk, "settings": '{"region": "us"}', "is_active": "on"}
    assert as_operator.post(reverse("admin:reputation_connection_add"), data).status_code == 302
    connection = Connection.objects.get(account=account)
    assert (connection.provider, connection.settings, connection.is_active) == ("vendor", {"region": "us"}, True)
    assert get_event() == ("connection.added", "", "active, settings: region")
    assert AuditEvent.objects.latest("pk").account == account


def test_settings_of_a_connection_are_changed_and_its_provider_is_not(as_operator, provider):
    connection = get_connection()
    address = reverse("admin:reputation_connection_change", args=[connection.pk])
    data = {"provider": "another", "settings": '{"region": "eu"}'}
    assert as_operator.post(address, data).status_code == 302
    connection.refresh_from_db()
    assert (connection.provider, connection.settings, connection.is_active) == ("vendor", {"region": "eu"}, False)
    assert get_event() == ("connection.changed", "active, settings: none", "inactive, settings: region")
    assert "put no key or password here" in get_html(as_operator.get(address))


@pytest.mark.parametrize("values", ['["us"]', "us", "3"])
def test_settings_without_names_are_refused(as_operator, provider, account, values):
    data = {"provider": "vendor", "account": account.pk, "settings": values, "is_active": "on"}
    assert as_operator.post(reverse("admin:reputation_connection_add"), data).status_code == 200
    assert not Connection.objects.filter(account=account).exists()


def test_second_operators_connection_of_a_provider_is_refused(as_operator, provider):
    data = {"provider": "vendor", "settings": "{}", "is_active": "on"}
    assert as_operator.post(reverse("admin:reputation_connection_add"), data).status_code == 200
    assert Connection.objects.filter(provider="vendor").count() == 1


def test_connection_of_an_account_is_deleted_and_the_operators_is_not(as_operator, provider, account):
    own = Connection.objects.create(provider="vendor", account=account)
    for connection, status in ((own, 302), (get_connection(), 403)):
        address = reverse("admin:reputation_connection_delete", args=[connection.pk])
        assert as_operator.post(address, {"post": "yes"}).status_code == status
    assert list(Connection.objects.filter(provider="vendor")) == [get_connection()]
    assert get_event() == ("connection.removed", "active, settings: none", "")


def test_operator_chooses_who_remediates_among_the_providers_that_declare_it(as_operator, use_providers):
    use_providers(FakeProvider, Rival)
    assigned = EngineRole.objects.get(engine__slug="alpha", role="remediate")
    address = reverse("admin:reputation_enginerole_change", args=[assigned.pk])
    assert as_operator.post(address, {"provider": "complaints"}).status_code == 200
    assert as_operator.post(address, {"provider": "rival"}).status_code == 302
    assigned.refresh_from_db()
    assert assigned.provider == "rival"
    assert get_event() == ("engine_role.changed", "vendor", "rival")


def test_role_of_looking_up_is_read_only(as_operator, provider):
    assigned = EngineRole.objects.filter(role="look_up").earliest("pk")
    address = reverse("admin:reputation_enginerole_change", args=[assigned.pk])
    assert as_operator.get(address).status_code == 200
    assert as_operator.post(address, {"provider": "vendor"}).status_code == 403


def test_operator_corrects_the_table_of_carriers(as_operator):
    row = CarrierEngine.objects.get(carrier="AT&T")
    tns = Engine.objects.get(slug="tns")
    data = {"carrier": "AT&T", "device": "", "engine": tns.pk, "source": "Seen on a telephone", "read_on": "2026-11-27"}
    address = reverse("admin:reputation_carrierengine_change", args=[row.pk])
    assert as_operator.post(address, data).status_code == 302
    assert find_engine("AT&T") == tns
    assert get_event()[0] == "carrier_engine.changed"
    assert get_event()[2] == "TNS, Seen on a telephone (2026-11-27)"


@pytest.mark.parametrize(("field", "value"), [("source", ""), ("read_on", ""), ("carrier", "")])
def test_row_of_the_table_needs_a_source_a_date_and_a_carrier_or_make(as_operator, field, value):
    tns = Engine.objects.get(slug="tns")
    data = {"carrier": "Example Mobile", "engine": tns.pk, "source": "A test", "read_on": "2026-11-27"} | {field: value}
    assert as_operator.post(reverse("admin:reputation_carrierengine_add"), data).status_code == 200
    assert find_engine("Example Mobile") is None


def test_lists_have_a_fixed_number_of_queries(as_operator, provider, account, now, django_assert_max_num_queries):
    own = Connection.objects.create(provider="vendor", account=account)
    for number in range(20):
        CircuitBreaker.objects.create(connection=own, operation=f"op{number}", opened_at=now, retry_at=now)
    for name in ("connection", "enginerole", "carrierengine", "circuitbreaker"):
        with django_assert_max_num_queries(9):
            assert as_operator.get(reverse(f"admin:reputation_{name}_changelist")).status_code == 200


def test_lists_say_in_words_what_a_row_means(as_operator, provider):
    roles = get_html(as_operator.get(reverse("admin:reputation_enginerole_changelist")))
    assert "Engine's own data" in roles.replace("&#x27;", "'")
    assert "engine_data" not in roles
    assert "Any carrier on Samsung: Hiya" in get_html(
        as_operator.get(reverse("admin:reputation_carrierengine_changelist"))
    )


def test_form_of_a_connection_says_what_an_empty_account_means(as_operator):
    form = get_html(as_operator.get(reverse("admin:reputation_connection_add")))
    assert "Leave it empty for the operator" in form
    assert "asked nothing over this connection" in form
