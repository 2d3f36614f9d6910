"""Service > Audit trail: who, what, when, before, after, from where; and that all of it has words."""

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

pytestmark = pytest.mark.django_db


@pytest.fixture
def create_event(account, now):
    def make(**values) -> AuditEvent:
        about = {"what": "capability.on", "subject": "phonenumber", "subject_id": 1, "subject_label": "+12065550143"}
        return AuditEvent.objects.create(**{"account": account, "at": now, "via": "task", **about, **values})

    return make


def listed_events(client, **params) -> list[AuditEvent]:
    return client.get(reverse("audit-trail"), params).context["page"].events


def test_an_event_is_shown_with_who_what_before_after_and_from_where(as_viewer, account, admin, actor, now):
    number = PhoneNumberFactory(account=account, e164="+12065550143")
    campaign = CampaignFactory(account=account, name="Spring")
    campaigns.assign([number.pk], campaign=campaign, context=Context(actor, now))
    page = as_viewer.get(reverse("audit-trail")).content.decode()
    for words in ("Campaign changed", "(206) 555-0143", "Spring", admin.user.name):
        assert words in page
    assert reverse("number", args=[number.pk]) in page


def test_without_events_the_page_says_what_will_stand_there(as_viewer):
    assert "Nothing yet" in as_viewer.get(reverse("audit-trail")).content.decode()


def test_another_accounts_events_are_not_shown(as_viewer, create_event):
    create_event(account=MemberFactory().account)
    assert listed_events(as_viewer) == []


def test_it_can_be_filtered_by_kind(as_viewer, create_event):
    wanted = create_event(what="campaign.paused", subject="campaign")
    create_event()
    assert listed_events(as_viewer, kind="campaigns") == [wanted]


def test_it_can_be_filtered_by_who(as_viewer, create_event, admin):
    by_admin = create_event(actor=admin.user, via="web")
    by_service = create_event()
    in_administration = create_event(actor=MemberFactory().user, via="admin")
    assert listed_events(as_viewer, who=admin.user_id) == [by_admin]
    assert listed_events(as_viewer, who="service") == [by_service]
    assert listed_events(as_viewer, who="administration") == [in_administration]


@pytest.mark.parametrize("typed", ["206555", "(206) 555-0143", "+1 206"])
def test_a_number_is_found_by_any_part_however_it_is_written(as_viewer, create_event, typed):
    wanted = create_event()
    create_event(subject_label="+13035550199")
    assert listed_events(as_viewer, q=typed) == [wanted]


def test_where_nothing_matches_the_page_says_so_and_leads_back(as_viewer, create_event):
    create_event()
    assert "No event matches" in as_viewer.get(reverse("audit-trail"), {"q": "999"}).content.decode()


def test_a_mistyped_address_still_shows_the_trail(as_viewer, create_event):
    made = create_event()
    assert listed_events(as_viewer, kind="nonsense", who="x", before="abc", after="-1", q="\x00") == [made]


def test_one_pages_back_to_the_first_event_and_forth_to_the_newest(as_viewer, create_event):
    made = [create_event() for _ in range(120)][::-1]
    url, seen, params = reverse("audit-trail"), [], {}
    while True:
        page = as_viewer.get(url, params).context["page"]
        seen += page.events
        if not page.older:
            break
        params = {"before": page.older}
    assert seen == made
    back = as_viewer.get(url, {"after": page.newer}).context["page"]
    assert back.events == made[50:100]
    assert as_viewer.get(url, {"after": back.newer}).context["page"].events == made[:50]
    assert not as_viewer.get(url, {"after": back.newer}).context["page"].newer


def test_the_trail_asks_as_much_for_5_events_as_for_500(as_viewer, create_event, admin):
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


# Words


def audit_codes_in_source() -> tuple[set[str], set[str]]:
    """Every code given as `what=` to the audit trail, and the beginnings of those that are put together."""
    codes, beginnings = set(), set()
    for app in ("portal", "enrollment", "reputation"):
        for path in (Path(settings.BASE_DIR) / app).rglob("*.py"):
            if "migrations" in path.parts:
                continue
            for node in ast.walk(ast.parse(path.read_text())):
                given = []
                if isinstance(node, ast.Call):
                    given = [keyword.value for keyword in node.keywords if keyword.arg == "what"]
                elif isinstance(node, ast.Assign) and any(getattr(name, "id", "") == "what" for name in node.targets):
                    given = [node.value]
                for value in given:
                    for part in ast.walk(value):
                        if isinstance(part, ast.JoinedStr) and isinstance(part.values[0], ast.Constant):
                            beginnings.add(part.values[0].value)
                        elif isinstance(part, ast.Constant) and isinstance(part.value, str) and part.value[-1:] != ".":
                            codes.add(part.value)
    return {code for code in codes if "." in code}, beginnings


def test_every_code_in_the_sources_has_words():
    codes, beginnings = audit_codes_in_source()
    assert {"campaign.added", "member.role", "licence.added"} <= codes
    assert codes - set(EVENT_LABELS) == set()
    assert {b for b in beginnings if not any(code.startswith(b) for code in EVENT_LABELS)} == set()


def test_every_state_of_a_lifecycle_has_words():
    from enrollment.models import Application
    from reputation.models import Case, PhoneNumber

    states = {f"capability.{state}" for state in PhoneNumber.Capability.values}
    states |= {f"case.{state}" for state in Case.State.values}
    states |= {f"application.{state}" for state in Application.State.values} - {"application.draft"}
    assert states - set(EVENT_LABELS) == set()


def test_every_code_belongs_to_one_kind_and_fits_its_column():
    by_kind = [code for kind in EVENT_KINDS for code in get_event_codes(kind)]
    assert sorted(by_kind) == sorted(EVENT_LABELS)
    assert max(map(len, EVENT_LABELS)) <= AuditEvent._meta.get_field("what").max_length


def test_a_sentence_names_the_values_only_where_they_tell_more(create_event):
    assert (
        describe_event(create_event(what="number.campaign", before="Winter", after="")).sentence
        == "Campaign changed: Winter → none"
    )
    assert (
        describe_event(create_event(what="capability.on", before="verifying", after="on")).sentence
        == "Verified: monitoring is on"
    )


def test_what_a_task_did_is_said_to_be_done_by_the_service(create_event):
    assert describe_event(create_event()).who == "The service, by itself"


def test_times_are_shown_in_the_accounts_zone(as_viewer, account, create_event, now):
    account.time_zone = "Pacific/Honolulu"
    account.save()
    create_event(at=now - timedelta(days=400))
    assert "HST" in as_viewer.get(reverse("audit-trail")).content.decode()
