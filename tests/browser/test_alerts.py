"""Row 12: alerts appear and disappear on open pages without a reload."""

import pytest
from django.utils import timezone
from playwright.sync_api import Page, expect

from portal import audit
from portal.audit import Context
from portal.models import Member
from reputation.models import Case, PhoneNumber, Tag
from reputation.numbers import spam_status
from tests.factories import (
    AccountFactory,
    ApplicationFactory,
    CampaignFactory,
    CaseFactory,
    MemberFactory,
    MonitoredNumberFactory,
    TagFactory,
)


@pytest.fixture
def viewer(live_url) -> Member:
    account = AccountFactory()
    ApplicationFactory(account=account)
    return MemberFactory(account=account, role=Member.Role.VIEWER)


@pytest.fixture
def number(viewer) -> PhoneNumber:
    """A number in a campaign, whose default caller ID it is."""
    campaign = CampaignFactory(account=viewer.account)
    number = MonitoredNumberFactory(account=viewer.account, campaign=campaign)
    campaign.default_number = number
    campaign.save()
    return number


@pytest.fixture
def alert_locations(open_page, live_url, viewer, number) -> dict[str, tuple[Page, str]]:
    """By name of the location: an open page, and the selector of the alert on it."""
    alert = f"[data-spam-alert='{number.pk}']"
    addresses = {
        "the table row": ("/number-management/number-reputation/", f"#status-{number.pk} {alert}"),
        "the number's page": (f"/number-management/number-reputation/{number.pk}/", f"#alert-{number.pk} {alert}"),
        "what it is the default of": (f"/number-management/number-reputation/{number.pk}/", "#default-of .alert"),
        "the phone-number list": ("/number-management/phone-numbers/", f"#status-{number.pk} {alert}"),
        "the campaign page": (f"/outbound-dialer/campaigns/{number.campaign_id}/", f"#numbers {alert}"),
        "the default caller ID": (f"/outbound-dialer/campaigns/{number.campaign_id}/", f"#campaign-default {alert}"),
        "its warning": (f"/outbound-dialer/campaigns/{number.campaign_id}/", f"#campaign-alert {alert}"),
        "the list of campaigns": ("/outbound-dialer/campaigns/", alert),
        "the dashboard": ("/", f"#tagged {alert}"),
        "what needs somebody": ("/", "#needs-you-card .alert:not([data-skipped-alert]):has-text('default caller ID')"),
        "the menu": ("/account/members/", "#needs-you:not([hidden])"),
    }
    context = open_page(live_url, as_=viewer).context
    pages = {}
    for address, _ in addresses.values():
        if address not in pages:
            pages[address] = context.new_page()
            pages[address].goto(address)
    return {place: (pages[address], where) for place, (address, where) in addresses.items()}


def publish_change(number: PhoneNumber, code: str, tag: Tag) -> None:
    spam_status.recompute([number.pk], now=timezone.now())
    audit.record_event(account=number.account, context=Context.system(timezone.now()), code=code, subject=tag)


def test_row_12_open_pages_show_alerts_when_a_tag_is_detected_and_hide_them_when_cleared(alert_locations, number):
    for page, where in alert_locations.values():
        expect(page.locator(where)).to_have_count(0)
    case = CaseFactory(account=number.account, number=number)
    tag = TagFactory(account=number.account, number=number, case=case)
    publish_change(number, "tag.detected", tag)
    for page, where in alert_locations.values():
        expect(page.locator(where)).to_be_visible()
    now = timezone.now()
    Tag.objects.filter(pk=tag.pk).update(ended_at=now, end_reason=Tag.EndReason.CLEARED)
    Case.objects.filter(pk=case.pk).update(state=Case.State.CLEARED, closed_at=now)
    publish_change(number, "tag.cleared", tag)
    for page, where in alert_locations.values():
        expect(page.locator(where)).to_have_count(0)
