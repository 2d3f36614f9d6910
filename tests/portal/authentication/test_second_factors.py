"""Second factors: setting them up, signing in with them, who needs one, and what helps when one is lost."""

import re

import pytest
from allauth.mfa.models import Authenticator
from django.core.management import CommandError, call_command
from django.test import Client
from django.urls import reverse

from portal.authentication.second_factors import has_second_factor
from portal.models import Account, AuditEvent, User
from tests.factories import MemberFactory, UserFactory
from tests.support.mails import send_mails
from tests.support.pages import get_html
from tests.support.second_factors import add_app, add_passkey, get_code, get_recovery_codes

pytestmark = pytest.mark.django_db

PASSWORD = "correct horse battery"
INDEX = "mfa_index"


def send_password(user: User) -> tuple[Client, str]:
    """Sign in with the password; return the client, and where it was sent."""
    client = Client()
    answer = client.post(reverse("account_login"), {"username": user.email, "password": PASSWORD})
    return client, answer.headers["Location"]


def is_signed_in(client: Client) -> bool:
    return "_auth_user_id" in client.session


@pytest.fixture
def user(viewer) -> User:
    return viewer.user


@pytest.fixture
def secret(user) -> str:
    return add_app(user)


def test_app_is_set_up_with_a_code_and_recovery_codes_follow(as_viewer, user, django_capture_on_commit_callbacks):
    page = get_html(as_viewer.get(reverse("mfa_activate_totp")))
    secret = re.search(r'<code class="token">(\w+)</code>', page)[1]
    refused = as_viewer.post(reverse("mfa_activate_totp"), {"code": "000000"})
    assert "This code is not right" in get_html(refused)
    assert secret in get_html(refused), "the app holds the key that was scanned"
    with django_capture_on_commit_callbacks(execute=True):
        answer = as_viewer.post(reverse("mfa_activate_totp"), {"code": get_code(secret)}, follow=True)
    assert answer.redirect_chain[-1][0] == reverse("mfa_view_recovery_codes")
    assert all(code in get_html(answer) for code in get_recovery_codes(user))
    assert has_second_factor(user)
    assert [mail for mail in send_mails() if "An app for codes was added" in mail.body]


def test_password_alone_does_not_sign_in(user, secret):
    client, where = send_password(user)
    assert where == reverse("mfa_authenticate")
    assert not is_signed_in(client)
    assert client.get(reverse("overview")).status_code == 302
    client.post(where, {"code": get_code(secret)})
    assert is_signed_in(client)


def test_code_is_written_as_the_app_shows_it(user, secret):
    client, where = send_password(user)
    code = get_code(secret)
    client.post(where, {"code": f" {code[:3]} {code[3:]} "})
    assert is_signed_in(client)


@pytest.mark.parametrize("code", ["", "000000", "12", "x" * 30, "\0", "１２３４５６"])
def test_wrong_code_does_not_sign_in(user, secret, code):
    client, where = send_password(user)
    assert client.post(where, {"code": code}).status_code == 200
    assert not is_signed_in(client)


def test_code_works_once_in_all_processes(user, secret):
    """The note that it was used is in the database, which all processes share."""
    code = get_code(secret)
    first, where = send_password(user)
    first.post(where, {"code": code})
    second, where = send_password(user)
    assert "This code is not right" in get_html(second.post(where, {"code": code}))
    assert not is_signed_in(second)


def test_recovery_code_works_once(user, secret):
    code = get_recovery_codes(user)[0]
    first, where = send_password(user)
    first.post(where, {"code": code})
    assert is_signed_in(first)
    second, where = send_password(user)
    second.post(where, {"code": code})
    assert not is_signed_in(second)
    assert code not in get_recovery_codes(user)


def test_secrets_are_encrypted_in_the_database(user, secret, settings):
    stored = " ".join(str(factor.data) for factor in Authenticator.objects.filter(user=user))
    assert secret not in stored
    assert stored.count("fernet:") == 2
    # The secret key was replaced: the former one still reads them.
    settings.SECRET_KEY_FALLBACKS = [settings.SECRET_KEY]
    settings.SECRET_KEY = "another-key-of-fifty-characters-and-more-for-this-test-only"
    client, where = send_password(user)
    client.post(where, {"code": get_code(secret)})
    assert is_signed_in(client)


def test_removing_the_app_removes_the_recovery_codes(as_viewer, user, secret):
    as_viewer.post(reverse("mfa_deactivate_totp"))
    assert not Authenticator.objects.exists()


@pytest.mark.parametrize("name", ["mfa_deactivate_totp", "mfa_view_recovery_codes", "mfa_download_recovery_codes"])
def test_page_of_a_factor_that_is_gone_leads_to_the_list(as_viewer, name):
    assert as_viewer.get(reverse(name)).url == reverse(INDEX)
    assert as_viewer.post(reverse(name)).status_code in (302, 405)


def test_passkeys_of_others_are_not_found(as_viewer):
    theirs = add_passkey(UserFactory())
    for name in ("mfa_edit_webauthn", "mfa_remove_webauthn"):
        assert as_viewer.post(reverse(name, args=[theirs.pk]), {"name": "Mine"}).status_code == 404
    assert Authenticator.objects.get().wrap().name == "Phone"


@pytest.mark.parametrize("credential", ["", "{}", "null", '{"id": 1}', '{"id": "a", "response": {}}', "\0", "[]"])
def test_malformed_passkey_is_refused(client, as_viewer, credential):
    assert client.post(reverse("mfa_login_webauthn"), {"credential": credential}).status_code in (200, 302)
    assert not is_signed_in(client)
    data = {"name": "Phone", "credential": credential}
    answer = as_viewer.post(reverse("mfa_add_webauthn"), data)
    assert answer.context["form"].errors
    assert not Authenticator.objects.exists()


# Who needs one


@pytest.fixture
def strict_account(account) -> Account:
    account.requires_second_factor = True
    account.save()
    return account


def test_member_of_a_strict_account_adds_a_factor_before_anything_else(as_viewer, strict_account):
    for page in ("overview", "members", "number-reputation"):
        assert as_viewer.get(reverse(page)).url == reverse(INDEX)
    assert f"{strict_account.name} needs a second factor of you" in get_html(as_viewer.get(reverse(INDEX)))
    assert as_viewer.post(reverse("account_logout")).status_code == 302


def test_request_of_htmx_leads_the_whole_page_there(as_viewer, strict_account):
    answer = as_viewer.get(reverse("overview"), headers={"HX-Request": "true"})
    assert answer.headers["HX-Redirect"] == reverse(INDEX)


def test_member_with_a_factor_goes_on(user, secret, strict_account):
    client, where = send_password(user)
    assert client.post(where, {"code": get_code(secret)}, follow=True).context["account"] == strict_account


def test_factor_added_now_is_enough(as_viewer, strict_account):
    secret = re.search(r'<code class="token">(\w+)</code>', get_html(as_viewer.get(reverse("mfa_activate_totp"))))[1]
    as_viewer.post(reverse("mfa_activate_totp"), {"code": get_code(secret)})
    assert as_viewer.get(reverse("overview")).status_code == 200


def test_recovery_codes_alone_are_no_factor(as_viewer, user, strict_account):
    add_app(user)
    Authenticator.objects.filter(type=Authenticator.Type.TOTP).delete()
    assert as_viewer.get(reverse("overview")).url == reverse(INDEX)


def test_owner_requires_a_factor_of_all_members(as_owner, account):
    form = {"name": account.name, "initial-name": account.name, "time_zone": account.time_zone}
    data = form | {"initial-time_zone": account.time_zone, "requires_second_factor": "on"}
    as_owner.post(reverse("account-settings"), data)
    account.refresh_from_db()
    assert account.requires_second_factor
    event = AuditEvent.objects.get(code="account.requires_second_factor")
    assert (event.before, event.after) == ("not required", "required")


@pytest.mark.parametrize("role", ["reviewer", "operator", "superuser"])
def test_staff_add_a_factor_before_they_open_the_administration(as_staff, role, settings):
    settings.STAFF_NEED_SECOND_FACTOR = True
    client = as_staff(role)
    assert client.get(reverse("admin:index")).url == reverse(INDEX)
    assert client.post(reverse("admin:portal_account_add"), {"name": "X"}).url == reverse(INDEX)
    assert "The administration needs a second factor" in get_html(client.get(reverse(INDEX)))


def test_staff_with_a_factor_open_the_administration(settings):
    settings.STAFF_NEED_SECOND_FACTOR = True
    user = UserFactory(staff_role="reviewer")
    secret = add_app(user)
    client, where = send_password(user)
    client.post(where, {"code": get_code(secret)})
    assert client.get(reverse("admin:index")).status_code == 200


def test_pages_of_a_strict_account_cost_no_more_queries(user, secret, account, django_assert_max_num_queries):
    client, where = send_password(user)
    client.post(where, {"code": get_code(secret)})
    client.get(reverse("members"))
    with django_assert_max_num_queries(100) as before:
        client.get(reverse("members"))
    count = len(before)
    Account.objects.update(requires_second_factor=True)
    with django_assert_max_num_queries(count):
        client.get(reverse("members"))


# Lost factors


def test_operator_resets_lost_factors_with_a_command(user, secret, capsys):
    call_command("reset_second_factors", user.email.upper())
    assert not Authenticator.objects.exists()
    assert AuditEvent.objects.get().code == "person.second_factors_reset"
    assert "Your second factors were removed" in send_mails()[-1].body
    client, _ = send_password(user)
    assert is_signed_in(client)
    call_command("reset_second_factors", user.email)
    assert "has no second factor" in capsys.readouterr().out
    assert AuditEvent.objects.filter(code="person.second_factors_reset").count() == 1


def test_command_refuses_an_unknown_address():
    with pytest.raises(CommandError, match="Nobody has the address"):
        call_command("reset_second_factors", "nobody@example.com")


def test_deactivated_person_is_not_let_in_by_a_second_factor(user, secret):
    client, where = send_password(user)
    User.objects.filter(pk=user.pk).update(is_active=False)
    client.post(where, {"code": get_code(secret)})
    assert client.get(reverse("overview")).status_code == 302


def test_page_of_the_sign_in_needs_a_fixed_number_of_queries(as_viewer, user, django_assert_max_num_queries):
    add_app(user)
    with django_assert_max_num_queries(100) as few:
        as_viewer.get(reverse(INDEX))
    count = len(few)
    for number in range(5):
        add_passkey(user, f"Key {number}")
    with django_assert_max_num_queries(count):
        as_viewer.get(reverse(INDEX))


def test_owner_of_two_accounts_needs_it_in_the_strict_one_only(user, strict_account):
    other = MemberFactory(user=user, account__name="Zenith")
    client = Client()
    client.force_login(user)
    assert client.get(reverse("overview")).url == reverse(INDEX)
    client.post(reverse("switch-account"), {"account": other.account_id})
    assert client.get(reverse("overview")).context["account"] == other.account
