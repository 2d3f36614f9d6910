"""Account > Webhooks: adding, changing, pausing and removing; the secret; deliveries, payloads, and sending again."""

import re
from datetime import timedelta

import pytest
from django.db import connection
from django.test.utils import CaptureQueriesContext
from django.urls import reverse
from django_q.models import OrmQ

from portal.audit import Context
from portal.models import AuditEvent, WebhookDelivery, WebhookEndpoint
from portal.webhooks import delivery as webhook_delivery
from portal.webhooks import endpoints
from portal.webhooks.events import EVENT_TYPES
from portal.webhooks.outbox import DELIVER_TASK
from reputation.monitoring import capability
from tests.factories import AccountFactory, PhoneNumberFactory, WebhookEndpointFactory
from tests.portal.webhooks.receiver import respond, run_receiver
from tests.support.pages import get_html, messages_in

pytestmark = pytest.mark.django_db

VALID_FORM = {"url": "https://8.8.8.8/hook", "description": "Dialer", "event_types": ["case.opened", "number.tagged"]}


def audit_events() -> list[tuple[str, str, str]]:
    return list(AuditEvent.objects.filter(code__startswith="webhook.").values_list("code", "before", "after"))


def post_change(client, endpoint, **posted):
    return client.post(reverse("webhook-change", args=[endpoint.pk]), posted, follow=True)


def form_data(endpoint) -> dict:
    values = {"url": endpoint.url, "description": endpoint.description, "event_types": endpoint.event_type_list}
    return values | {f"initial-{name}": value for name, value in values.items()}


# Adding and changing


def test_page_without_webhooks_links_admins_but_not_viewers_to_the_form(as_admin, as_viewer):
    page = get_html(as_admin.get(reverse("webhooks")))
    assert "No webhooks yet" in page
    assert reverse("webhook-add") in page
    assert reverse("webhook-add") not in get_html(as_viewer.get(reverse("webhooks")))


def test_admin_adds_a_webhook_with_its_own_secret(as_admin, account, admin):
    answer = as_admin.post(reverse("webhook-add"), VALID_FORM, follow=True)
    endpoint = WebhookEndpoint.objects.get()
    assert answer.redirect_chain[-1][0] == reverse("webhook", args=[endpoint.pk])
    assert (endpoint.account, endpoint.url, endpoint.created_by) == (account, VALID_FORM["url"], admin.user)
    assert sorted(endpoint.event_type_list) == ["case.opened", "number.tagged"]
    assert re.fullmatch(r"whsec_[A-Za-z0-9+/]{43}=", endpoint.secret)
    assert audit_events() == [("webhook.added", "", VALID_FORM["url"])]


@pytest.mark.parametrize(
    ("wrong", "field", "said"),
    [
        ({"url": "https://127.0.0.1/"}, "url", "No server that can be reached"),
        ({"url": "ftp://8.8.8.8/"}, "url", "must begin with https"),
        ({"url": ""}, "url", "Write the address"),
        ({"url": "https://8.8.8.8/" + "x" * 500}, "url", "500"),
        ({"event_types": []}, "event_types", "at least one"),
        ({"event_types": ["webhook.test"]}, "event_types", "not one of"),
    ],
)
def test_invalid_value_is_refused_at_its_field_and_input_is_kept(as_admin, settings, wrong, field, said):
    settings.WEBHOOK_PRIVATE_ADDRESSES = False
    answer = as_admin.post(reverse("webhook-add"), VALID_FORM | wrong)
    assert said in answer.context["form"].errors[field][0]
    assert 'value="Dialer"' in get_html(answer)
    assert not WebhookEndpoint.objects.exists()


def test_number_of_endpoints_of_an_account_is_limited(as_admin, account):
    for _ in range(endpoints.MAX_ENDPOINTS):
        WebhookEndpointFactory(account=account)
    answer = as_admin.post(reverse("webhook-add"), VALID_FORM)
    assert "Remove one that is no longer needed" in get_html(answer)
    assert WebhookEndpoint.objects.count() == endpoints.MAX_ENDPOINTS


def test_change_is_saved_with_audit_events(as_admin, endpoint):
    posted = form_data(endpoint) | {"description": "Dialer", "event_types": ["case.failed"]}
    assert "Saved" in messages_in(post_change(as_admin, endpoint, change="settings", **posted))
    endpoint.refresh_from_db()
    assert (endpoint.description, endpoint.event_types) == ("Dialer", "case.failed")
    assert audit_events() == [
        ("webhook.changed", "", "Dialer"),
        ("webhook.changed", " ".join(EVENT_TYPES), "case.failed"),
    ]


def test_stale_page_changes_only_edited_fields(as_admin, endpoint, actor, now):
    posted = form_data(endpoint) | {"description": "Mine"}
    endpoints.change(endpoint, url="https://1.1.1.1/moved", context=Context(actor, now))
    post_change(as_admin, endpoint, change="settings", **posted)
    endpoint.refresh_from_db()
    assert (endpoint.url, endpoint.description) == ("https://1.1.1.1/moved", "Mine")


def test_unchanged_url_is_not_resolved_again(as_admin, account):
    endpoint = WebhookEndpointFactory(account=account, url="https://no-such-name.invalid/")
    post_change(as_admin, endpoint, change="settings", **form_data(endpoint) | {"description": "Dialer"})
    assert WebhookEndpoint.objects.get().description == "Dialer"


def test_saving_unchanged_values_writes_no_audit_event(as_admin, endpoint):
    assert "Nothing was different" in messages_in(
        post_change(as_admin, endpoint, change="settings", **form_data(endpoint))
    )
    assert audit_events() == []


def test_endpoint_is_paused_and_resumed_by_a_member(as_admin, endpoint):
    assert "Events wait" in messages_in(post_change(as_admin, endpoint, change="pause"))
    assert "It was paused" in messages_in(post_change(as_admin, endpoint, change="pause"))
    page = get_html(as_admin.get(reverse("webhook", args=[endpoint.pk])))
    assert endpoints.PAUSED_BY_MEMBER in page
    assert "active again" in messages_in(post_change(as_admin, endpoint, change="resume"))
    assert "active already" in messages_in(post_change(as_admin, endpoint, change="resume"))
    assert [code for code, _, _ in audit_events()] == ["webhook.paused", "webhook.resumed"]
    assert WebhookEndpoint.objects.get().mail_due_at is None


def test_removal_asks_for_confirmation_and_names_what_is_lost(as_admin, endpoint, provider, account, now):
    capability.enable([PhoneNumberFactory(account=account).pk], context=Context.system(now))
    address = reverse("webhook-remove", args=[endpoint.pk])
    assert "1 event that waits for it will never be sent" in get_html(as_admin.get(address))
    assert WebhookEndpoint.objects.exists()
    as_admin.post(address)
    assert not WebhookEndpoint.objects.exists()
    assert not WebhookDelivery.objects.exists()
    assert audit_events() == [("webhook.removed", endpoint.url, "")]


# The secret


def test_only_owners_see_the_secret(as_owner, as_admin, as_viewer, endpoint):
    address = reverse("webhook", args=[endpoint.pk])
    assert endpoint.secret in get_html(as_owner.get(address))
    for client in (as_admin, as_viewer):
        page = get_html(client.get(address))
        assert endpoint.secret not in page
        assert "An owner of the account can see and replace it" in page


def test_only_owners_can_replace_the_secret(as_owner, as_admin, endpoint):
    address = reverse("webhook-rotate-secret", args=[endpoint.pk])
    assert as_admin.post(address, {"shown": endpoint.secret}).status_code == 403
    answer = as_owner.post(address, {"shown": endpoint.secret}, follow=True)
    assert "There is a new secret" in messages_in(answer)
    assert "The former secret signs as well" in get_html(answer)
    replaced = WebhookEndpoint.objects.get()
    assert replaced.previous_secret == endpoint.secret != replaced.secret
    again = as_owner.post(address, {"shown": endpoint.secret}, follow=True)
    assert "replaced meanwhile" in messages_in(again)
    assert WebhookEndpoint.objects.get().secret == replaced.secret


def test_secret_is_not_in_the_audit_trail(as_owner, endpoint):
    as_owner.post(reverse("webhook-rotate-secret", args=[endpoint.pk]), {"shown": endpoint.secret})
    assert audit_events() == [("webhook.secret", "", "")]
    assert "whsec_" not in get_html(as_owner.get(reverse("audit-trail")))


# Deliveries


def test_test_event_is_sent_and_its_page_shows_the_response(as_admin, account, now):
    with run_receiver() as receiver:
        receiver.answer = respond(418, b"short and <b>stout</b>")
        endpoint = WebhookEndpointFactory(account=account, url=receiver.url)
        answer = post_change(as_admin, endpoint, change="test")
        assert [row.func() for row in OrmQ.objects.all()] == [DELIVER_TASK]
        assert "Not tried yet" in get_html(answer)
        assert "data-poll" in get_html(answer)
        webhook_delivery.deliver(clock=lambda: now + timedelta(seconds=10))
    page = get_html(as_admin.get(answer.redirect_chain[-1][0]))
    for words in ("webhook.test", "Failed", "Answered 418", "short and &lt;b&gt;stout&lt;/b&gt;", "Send again"):
        assert words in page
    assert "data-poll" not in page


def test_delivery_page_shows_the_payload(as_viewer, endpoint, provider, account, now):
    number = PhoneNumberFactory(account=account)
    capability.enable([number.pk], context=Context.system(now))
    delivery = WebhookDelivery.objects.get()
    page = get_html(as_viewer.get(reverse("webhook-delivery", args=[delivery.pk])))
    assert number.e164 in page
    assert delivery.message.event_id in page
    assert reverse("webhook-redeliver", args=[delivery.pk]) not in page


def test_redelivery_creates_a_delivery_of_the_same_message(as_admin, endpoint, provider, account, admin, now):
    capability.enable([PhoneNumberFactory(account=account).pk], context=Context.system(now))
    first = WebhookDelivery.objects.get()
    address = reverse("webhook-redeliver", args=[first.pk])
    assert as_admin.post(address).url == reverse("webhook-delivery", args=[first.pk])  # it is still pending
    WebhookDelivery.objects.update(state="delivered", ended_at=now, next_action_at=None)
    answer = as_admin.post(address, follow=True)
    second = WebhookDelivery.objects.exclude(pk=first.pk).get()
    assert second.message == first.message
    assert answer.redirect_chain[-1][0] == reverse("webhook-delivery", args=[second.pk])
    assert admin.user.name in get_html(answer)


def test_deliveries_are_filtered_by_state_and_paginated(as_viewer, endpoint, provider, account, now):
    capability.enable([PhoneNumberFactory(account=account).pk for _ in range(120)], context=Context.system(now))
    newest = list(WebhookDelivery.objects.order_by("-pk"))
    WebhookDelivery.objects.filter(pk=newest[0].pk).update(state="failed", ended_at=now, next_action_at=None)
    address = reverse("webhook", args=[endpoint.pk])

    def rows(**params):
        return as_viewer.get(address, params).context["deliveries"].page

    assert rows().rows == newest[:50]
    assert rows(before=rows().older).rows == newest[50:100]
    assert rows(after=rows(before=rows().older).newer).rows == newest[:50]
    assert [row.pk for row in rows(state="failed").rows] == [newest[0].pk]
    assert rows(state="nonsense", before="x").rows == newest[:50]
    assert "No delivery is delivered" in get_html(as_viewer.get(address, {"state": "delivered"}))


def test_list_shows_the_state_of_each_endpoint(as_viewer, account, now):
    WebhookEndpointFactory(
        account=account, url="https://one.example.com/", last_sent_at=now, last_summary="Answered 200 OK."
    )
    WebhookEndpointFactory(account=account, url="https://two.example.com/", state="paused")
    WebhookEndpointFactory(account=AccountFactory(), url="https://stranger.example.com/")
    page = get_html(as_viewer.get(reverse("webhooks")))
    for words in ("https://one.example.com/", "Answered 200 OK.", "Active", "Paused", "None yet"):
        assert words in page
    assert "stranger" not in page


def test_url_without_tls_shows_a_warning(as_viewer, account):
    for url, warned in (("http://8.8.8.8/hook", True), ("HTTPS://8.8.8.8/hook", False)):
        endpoint = WebhookEndpointFactory(account=account, url=url)
        page = get_html(as_viewer.get(reverse("webhook", args=[endpoint.pk])))
        assert ("It is sent in the open" in page) == warned


def test_menu_links_to_webhooks_and_marks_the_current_page(as_viewer, endpoint):
    page = get_html(as_viewer.get(reverse("webhook", args=[endpoint.pk])))
    assert f'<a href="{reverse("webhooks")}" aria-current="page">' in page


# Number of queries


@pytest.mark.parametrize("name", ["webhooks", "webhook", "webhook-delivery"])
def test_query_count_is_the_same_for_5_and_500_deliveries(as_viewer, endpoint, provider, account, now, name):
    counts = []
    for count in (5, 500):
        capability.enable([PhoneNumberFactory(account=account).pk for _ in range(count)], context=Context.system(now))
        for _ in range(count // 50):
            WebhookEndpointFactory(account=account)
        about = {"webhooks": [], "webhook": [endpoint.pk], "webhook-delivery": [WebhookDelivery.objects.first().pk]}
        as_viewer.get(reverse(name, args=about[name]))
        with CaptureQueriesContext(connection) as captured:
            as_viewer.get(reverse(name, args=about[name]))
        counts.append(len(captured))
    assert counts[0] == counts[1]
