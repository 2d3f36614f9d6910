"""Sign in by e-mail, sign out, and switch between accounts."""

import pytest
from django.test import Client
from django.urls import reverse

from portal.models import User
from reputation.models import Campaign
from tests.factories import CampaignFactory, MemberFactory, UserFactory
from tests.support.pages import get_html

pytestmark = pytest.mark.django_db


def test_member_signs_in_with_an_address_in_any_case(client):
    member = MemberFactory(user__email="dana@example.com", account__name="Cascade Solar LLC")
    answer = client.post(
        reverse("account_login"), {"username": "Dana@Example.com", "password": "correct horse battery"}, follow=True
    )
    assert answer.status_code == 200
    assert member.account.name in get_html(answer)


def test_user_without_an_account_is_told_to_ask_an_owner(client):
    client.force_login(UserFactory())
    answer = client.get(reverse("overview"))
    assert answer.status_code == 403
    assert "Ask an owner" in get_html(answer)


def test_visitor_is_redirected_to_the_sign_in_page(client):
    assert client.get(reverse("overview")).url.startswith(reverse("account_login"))


def sign_in(client, password="correct horse battery", **data):
    MemberFactory(user__email="dana@example.com")
    return client.post(reverse("account_login"), {"username": "dana@example.com", "password": password, **data})


def test_sign_in_leads_to_the_requested_page(client):
    wanted = reverse("audit-trail") + "?kind=members"
    page = client.get(wanted, follow=True)
    assert f'name="next" value="{wanted}"' in get_html(page)
    assert sign_in(client, next=wanted).url == wanted


def test_sign_in_never_leads_to_another_site(client):
    assert sign_in(client, next="https://evil.example/").url == reverse("overview")


def test_wrong_password_shows_a_message_and_the_address_is_kept(client):
    answer = sign_in(client, password="wrong", next="/account/members/")
    page = get_html(answer)
    assert "The e-mail address or the password is not right" in page
    assert 'value="dana@example.com"' in page
    assert 'value="/account/members/"' in page


def test_invalid_address_shows_an_error_at_the_field(client):
    page = get_html(client.post(reverse("account_login"), {"username": "dana", "password": "x"}))
    assert "This is not an e-mail address" in page


def test_inactive_user_cannot_sign_in(client):
    UserFactory(email="gone@example.com", is_active=False)
    data = {"username": "gone@example.com", "password": "correct horse battery"}
    assert "is not right" in get_html(client.post(reverse("account_login"), data))


def test_member_of_several_accounts_can_switch_between_them(client):
    first = MemberFactory(account__name="Acme")
    second = MemberFactory(user=first.user, account__name="Zenith")
    client.force_login(first.user)
    page = client.get(reverse("overview"))
    assert page.context["account"] == first.account
    assert "Zenith" in get_html(page)
    page = client.post(reverse("switch-account"), {"account": second.account_id}, follow=True)
    assert page.context["account"] == second.account
    assert client.get(reverse("members")).context["account"] == second.account


@pytest.mark.parametrize("chosen", ["another account's", "99999999999999999999999", "abc", ""])
def test_user_cannot_switch_to_an_account_of_others(client, chosen):
    member = MemberFactory()
    client.force_login(member.user)
    if chosen == "another account's":
        chosen = MemberFactory().account_id
    assert client.post(reverse("switch-account"), {"account": chosen}).status_code == 404
    assert client.get(reverse("members")).context["account"] == member.account


def test_user_removed_from_the_chosen_account_sees_another_of_theirs(client):
    first = MemberFactory(account__name="Acme")
    second = MemberFactory(user=first.user, account__name="Zenith")
    client.force_login(first.user)
    client.post(reverse("switch-account"), {"account": second.account_id})
    second.delete()
    assert client.get(reverse("members")).context["account"] == first.account


def test_signing_out_leads_to_the_sign_in_page(as_viewer):
    assert as_viewer.post(reverse("account_logout")).url == reverse("account_login")
    assert as_viewer.get(reverse("members")).status_code == 302


def test_form_sent_after_the_session_ended_leads_back_to_its_page(client, account):
    campaign = CampaignFactory(account=account)
    page = reverse("campaign", args=[campaign.pk])
    answer = client.post(
        reverse("campaign-change", args=[campaign.pk]),
        {"change": "pause"},
        headers={"Referer": f"http://testserver{page}?q=206"},
    )
    assert answer.url == f"{reverse('account_login')}?next={page}%3Fq%3D206"
    elsewhere = client.post(reverse("bulk-action-open"), headers={"Referer": "https://evil.example/"})
    assert elsewhere.url == f"{reverse('account_login')}?next={reverse('overview')}"


def test_htmx_request_without_a_session_redirects_the_whole_page_to_sign_in(client):
    page = reverse("number-reputation")
    headers = {"HX-Request": "true", "HX-Current-URL": f"http://testserver{page}"}
    answer = client.get(reverse("services-details"), headers=headers)
    assert answer.headers["HX-Redirect"] == f"{reverse('account_login')}?next={page}"


def test_page_opened_before_switching_accounts_changes_nothing(admin):
    """Otherwise a form of one account, open in another window, would change the other account."""
    other = MemberFactory(user=admin.user, role="admin", account__name="Zenith")
    client = Client(enforce_csrf_checks=True)
    client.force_login(User.objects.get(pk=admin.user_id))

    def token(path: str) -> str:
        return str(client.get(path).context["csrf_token"])

    add = reverse("campaign-add")
    old = token(add)
    client.post(reverse("switch-account"), {"account": other.account_id, "csrfmiddlewaretoken": token(add)})
    refused = client.post(add, {"name": "Renewals", "csrfmiddlewaretoken": old})
    assert refused.status_code == 403
    assert "another account was chosen" in get_html(refused)
    assert not Campaign.objects.exists()
    client.post(add, {"name": "Renewals", "csrfmiddlewaretoken": token(add)})
    assert Campaign.objects.get().account == other.account
