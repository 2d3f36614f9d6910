"""Operators edit remediation desks in Django admin."""

import pytest
from django.forms import model_to_dict
from django.urls import reverse
from django.utils import timezone

from portal.models import AuditEvent
from reputation.models import Desk, DeskLetter
from tests.support.pages import get_html

pytestmark = pytest.mark.django_db


def get_form_data(desk: Desk, **changes: object) -> dict[str, object]:
    data = model_to_dict(desk) | {"engines": [engine.pk for engine in desk.engines.all()]} | changes
    return {name: value for name, value in data.items() if value not in (None, False)}


def change(client, desk, **changes):
    return client.post(reverse("admin:reputation_desk_change", args=[desk.pk]), get_form_data(desk, **changes))


def test_operator_corrects_a_desk(as_operator):
    desk = Desk.objects.get(slug="t-mobile")
    answer = change(
        as_operator,
        desk,
        address="https://example.com/form",
        email="desk@example.com",
        form="hiya_text",
        daily_limit=25,
        answer_days=6,
        source="Opened the form",
        read_on="2026-12-01",
        certainty="exact",
    )
    assert answer.status_code == 302
    desk.refresh_from_db()
    assert (desk.address, desk.email, desk.form) == ("https://example.com/form", "desk@example.com", "hiya_text")
    assert (desk.daily_limit, desk.answer_days, desk.source) == (25, 6, "Opened the form")
    assert desk.is_verified
    assert [engine.slug for engine in desk.engines.all()] == ["first-orion"]
    event = AuditEvent.objects.latest("pk")
    assert event.code == "desk.changed"
    assert "10 days, 10 a day, https://callreporting.t-mobile.com/, from others" in event.before
    assert "6 days, 25 a day, https://example.com/form" in event.after


def test_operator_adds_a_desk(as_operator):
    data = get_form_data(Desk.objects.get(slug="t-mobile"), slug="example", name="Example Mobile", carrier="Example")
    assert as_operator.post(reverse("admin:reputation_desk_add"), data).status_code == 302
    assert Desk.objects.get(slug="example").name == "Example Mobile"


def test_desk_without_letters_can_be_deleted(as_operator):
    desk = Desk.objects.get(slug="youmail")
    assert as_operator.post(reverse("admin:reputation_desk_delete", args=[desk.pk]), {"post": "yes"}).status_code == 302
    assert not Desk.objects.filter(slug="youmail").exists()
    assert AuditEvent.objects.latest("pk").code == "desk.removed"


def test_desk_with_letters_cannot_be_deleted(as_operator, account):
    desk = Desk.objects.get(slug="tns")
    DeskLetter.objects.create(account=account, desk=desk, text="Dear desk", sent_at=timezone.now())
    as_operator.post(reverse("admin:reputation_desk_delete", args=[desk.pk]), {"post": "yes"})
    assert Desk.objects.filter(slug="tns").exists()


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"source": ""}, "This field is required"),
        ({"read_on": ""}, "This field is required"),
        ({"registers": False, "reviews": False}, "takes registrations, or requests"),
        ({"registers": True, "engines": []}, "Choose at least one"),
    ],
)
def test_form_says_what_is_wrong(as_operator, changes, message):
    desk = Desk.objects.get(slug="t-mobile")
    assert message in get_html(change(as_operator, desk, **changes))


def test_form_explains_its_fields(as_operator):
    form = get_html(as_operator.get(reverse("admin:reputation_desk_change", args=[Desk.objects.get(slug="hiya").pk])))
    assert "Pages show the last two as not verified" in form
    assert "Business days without an answer" in form


def test_list_has_a_fixed_number_of_queries(as_operator, django_assert_max_num_queries):
    with django_assert_max_num_queries(9):
        assert "Free Caller Registry" in get_html(as_operator.get(reverse("admin:reputation_desk_changelist")))
