"""Pages and mails say who works on labels and how long that takes, as the providers in use do it."""

import pytest
from django.template.loader import render_to_string
from django.urls import reverse

from reputation.models import EngineRole, PhoneNumber
from reputation.number_table.alerts import build_rows
from reputation.remediation.outlook import Outlook
from tests.factories import CaseFactory, EngineFactory, MonitoredNumberFactory, SubmissionFactory, TagFactory
from tests.support.pages import get_html

pytestmark = pytest.mark.django_db

BY_PROVIDERS, BY_PEOPLE, NOBODY = ["simulated"], ["handset", "desk"], ["handset"]


@pytest.mark.parametrize(
    ("providers", "work"),
    [
        (BY_PROVIDERS, "be monitored, and spam labels are worked on automatically."),
        (BY_PEOPLE, "and your own people ask the engines' desks to remove spam labels."),
        (NOBODY, "and spam labels are shown, but nobody is set up here to ask for removal."),
    ],
)
def test_enrollment_says_who_works_on_labels(switch_providers, as_admin, providers, work):
    switch_providers(*providers)
    assert work in get_html(as_admin.get(reverse("enrollment"))).replace("&#x27;", "'")
    assert work in render_to_string("enrollment/mails/approved.txt")


@pytest.mark.parametrize(
    ("providers", "expected", "unexpected"),
    [
        (BY_PROVIDERS, ("This is automatic", "started automatically"), ("desks take", "Nobody asks", "Nobody has")),
        (BY_PEOPLE, ("Nobody asks for it now", "Nobody has asked"), ("1 to 2 days", "automatic")),
        (NOBODY, ("Nobody asks for it now", "Nobody has asked"), ("1 to 2 days", "desks take", "automatic")),
    ],
)
def test_pages_promise_only_what_the_providers_do(switch_providers, as_admin, account, providers, expected, unexpected):
    switch_providers(*providers)
    number = MonitoredNumberFactory(account=account, spam_status=PhoneNumber.SpamStatus.IN_REMEDIATION)
    case = CaseFactory(account=account, number=number)
    remediating = EngineRole.objects.filter(role=EngineRole.Role.REMEDIATE).first()
    tag = TagFactory(number=number, case=case, engine=remediating.engine if remediating else EngineFactory())
    SubmissionFactory(case=case, engine=tag.engine, state="in_review" if providers == BY_PROVIDERS else "waiting")
    addresses = [reverse("overview"), reverse("case", args=[case.pk]), reverse("number", args=[number.pk])]
    pages = " ".join(get_html(as_admin.get(address)) for address in addresses)
    for sentence in expected:
        assert sentence in pages
    for sentence in unexpected:
        assert sentence not in pages


def test_alert_of_an_automatic_remediation_says_so(switch_providers, account, now):
    switch_providers(*BY_PROVIDERS)
    number = MonitoredNumberFactory(account=account, spam_status=PhoneNumber.SpamStatus.TAGGED)
    (row,) = build_rows([number], now)
    assert row.remediation_sentence.startswith("Remediation has started automatically and usually takes 1 to 2 days")


def test_both_ways_are_named_where_there_are_both():
    outlook = Outlook(by_providers=True, by_people=True)
    assert outlook.work == (
        "spam labels are worked on automatically where a provider can ask the engine; elsewhere your own people ask "
        "the engines' desks to remove spam labels"
    )
    assert outlook.duration == (
        "1 to 2 days as a rule where a provider asks; desks take 2 to 10 business days, some weeks, and some never "
        "answer"
    )
