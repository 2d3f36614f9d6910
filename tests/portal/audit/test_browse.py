"""The audit trail page, and the labels of event codes."""

import ast
from datetime import timedelta
from pathlib import Path

import pytest
from django.conf import settings
from django.db import connection
from django.test.utils import CaptureQueriesContext
from django.urls import reverse

from portal.audit import Context
from portal.audit.labels import EVENT_KINDS, EVENT_LABELS, describe_event, get_event_codes
from portal.models import AuditEvent
from reputation import campaigns
from tests.factories import CampaignFactory, MemberFactory, PhoneNumberFactory
from tests.support.pages import get_html

pytestmark = pytest.mark.django_db


@pytest.fixture
def create_event(account, now):
    def create(**values) -> AuditEvent:
        event = {"code": "capability.on", "subject_type": "phonenumber", "subject_id": 1}
        defaults = {"account": account, "at": now, "via": "task", "subject_label": "+12065550143", **event}
        return AuditEvent.objects.create(**{**defaults, **values})

    return create


def listed_events(client, **params) -> list[AuditEvent]:
    return client.get(reverse("audit-trail"), params).context["page"].events


def test_an_event_shows_actor_subject_values_and_source(as_viewer, account, admin, actor, now):
    number = PhoneNumberFactory(account=account, e164="+12065550143")
    campaign = CampaignFactory(account=account, name="Spring")
    campaigns.assign([number.pk], campaign=campaign, context=Context(actor, now))
    page = get_html(as_viewer.get(reverse("audit-trail")))
    for words in ("Campaign changed", "(206) 555-0143", "Spring", admin.user.name):
        assert words in page
    assert reverse("number", args=[number.pk]) in page


def test_without_events_the_page_explains_what_it_will_list(as_viewer):
    assert "Nothing yet" in get_html(as_viewer.get(reverse("audit-trail")))


def test_another_accounts_events_are_not_shown(as_viewer, create_event):
    create_event(account=MemberFactory().account)
    assert listed_events(as_viewer) == []


def test_events_can_be_filtered_by_kind(as_viewer, create_event):
    wanted = create_event(code="campaign.paused", subject_type="campaign")
    create_event()
    assert listed_events(as_viewer, kind="campaigns") == [wanted]


def test_events_can_be_filtered_by_actor(as_viewer, create_event, admin):
    by_admin = create_event(actor=admin.user, via="web")
    by_service = create_event()
    in_administration = create_event(actor=MemberFactory().user, via="admin")
    assert listed_events(as_viewer, who=admin.user_id) == [by_admin]
    assert listed_events(as_viewer, who="service") == [by_service]
    assert listed_events(as_viewer, who="administration") == [in_administration]


@pytest.mark.parametrize("typed", ["206555", "(206) 555-0143", "+1 206"])
def test_number_is_found_by_any_part_in_any_format(as_viewer, create_event, typed):
    wanted = create_event()
    create_event(subject_label="+13035550199")
    assert listed_events(as_viewer, q=typed) == [wanted]


@pytest.mark.parametrize("typed", ["zurich", "ZÜRICH", "Zürich, caf", "cafe"])
def test_accents_and_case_do_not_matter(as_viewer, create_event, typed):
    composed = create_event(subject_label="Zürich, Café")
    of_marks = create_event(subject_label="Zu\u0308rich, Cafe\u0301")
    create_event(subject_label="Zug")
    assert listed_events(as_viewer, q=typed) == [of_marks, composed]


def test_the_whole_of_a_long_label_is_searched(as_viewer, create_event):
    event = create_event(subject_label="é" * 115 + "Łódź")
    assert listed_events(as_viewer, q="lodz") == [event]


def test_without_a_match_the_page_links_to_all_events(as_viewer, create_event):
    create_event()
    assert "No event matches" in get_html(as_viewer.get(reverse("audit-trail"), {"q": "999"}))


def test_invalid_parameters_are_ignored(as_viewer, create_event):
    event = create_event()
    assert listed_events(as_viewer, kind="nonsense", who="x", before="abc", after="-1", q="\x00") == [event]


def test_pages_lead_back_to_the_first_event_and_forward_to_the_newest(as_viewer, create_event):
    events = [create_event() for _ in range(120)][::-1]
    url, seen, params = reverse("audit-trail"), [], {}
    while True:
        page = as_viewer.get(url, params).context["page"]
        seen += page.events
        if not page.older:
            break
        params = {"before": page.older}
    assert seen == events
    back = as_viewer.get(url, {"after": page.newer}).context["page"]
    assert back.events == events[50:100]
    assert as_viewer.get(url, {"after": back.newer}).context["page"].events == events[:50]
    assert not as_viewer.get(url, {"after": back.newer}).context["page"].newer


def test_the_number_of_queries_does_not_grow_with_the_events(as_viewer, create_event, admin):
    def queries() -> int:
        with CaptureQueriesContext(connection) as captured:
            as_viewer.get(reverse("audit-trail"))
        return len(captured)

    for _ in range(5):
        create_event(actor=admin.user)
    queries()
    few = queries()
    for _ in range(495):
        create_event(actor=MemberFactory(account=admin.account).user)
    assert queries() == few


# Labels


def audit_codes_in_source() -> tuple[set[str], set[str]]:
    """Every event code in the source (`code=`), and the prefixes of those that are f-strings."""
    codes, prefixes = set(), set()
    for app in ("portal", "enrollment", "reputation"):
        for path in (Path(settings.BASE_DIR) / app).rglob("*.py"):
            if "migrations" in path.parts:
                continue
            for node in ast.walk(ast.parse(path.read_text())):
                given = []
                if isinstance(node, ast.Call):
                    given = [keyword.value for keyword in node.keywords if keyword.arg == "code"]
                elif isinstance(node, ast.Assign) and any(getattr(name, "id", "") == "code" for name in node.targets):
                    given = [node.value]
                for value in given:
                    for part in ast.walk(value):
                        if isinstance(part, ast.JoinedStr) and isinstance(part.values[0], ast.Constant):
                            prefixes.add(part.values[0].value)
                        elif isinstance(part, ast.Constant) and isinstance(part.value, str) and part.value[-1:] != ".":
                            codes.add(part.value)
    return {code for code in codes if "." in code}, prefixes


def test_every_event_code_in_the_source_has_a_label():
    codes, prefixes = audit_codes_in_source()
    assert {"campaign.added", "member.role", "licence.added"} <= codes
    assert codes - set(EVENT_LABELS) == set()
    assert {b for b in prefixes if not any(code.startswith(b) for code in EVENT_LABELS)} == set()


def test_every_state_of_a_lifecycle_has_a_label():
    from enrollment.models import Application
    from reputation.models import Case, PhoneNumber

    states = {f"capability.{state}" for state in PhoneNumber.Capability.values}
    states |= {f"case.{state}" for state in Case.State.values}
    states |= {f"application.{state}" for state in Application.State.values} - {"application.draft"}
    assert states - set(EVENT_LABELS) == set()


def test_every_event_code_belongs_to_one_kind_and_fits_its_column():
    by_kind = [code for kind in EVENT_KINDS for code in get_event_codes(kind)]
    assert sorted(by_kind) == sorted(EVENT_LABELS)
    assert max(map(len, EVENT_LABELS)) <= AuditEvent._meta.get_field("code").max_length


def test_a_sentence_contains_the_values_only_if_the_label_shows_them(create_event):
    assert (
        describe_event(create_event(code="number.campaign", before="Winter", after="")).sentence
        == "Campaign changed: Winter → none"
    )
    assert (
        describe_event(create_event(code="capability.on", before="verifying", after="on")).sentence
        == "Monitoring is on"
    )


def test_the_actor_of_a_task_is_the_service(create_event):
    assert describe_event(create_event()).actor == "The service"


def test_times_are_shown_in_the_accounts_zone(as_viewer, account, create_event, now):
    account.time_zone = "Pacific/Honolulu"
    account.save()
    create_event(at=now - timedelta(days=400))
    assert "HST" in get_html(as_viewer.get(reverse("audit-trail")))
