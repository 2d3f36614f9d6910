"""`manage.py create_account`: an account with licences, owner and reviewer in one step, and the errors in words."""

from io import StringIO

import pytest
from django.core.management import CommandError, call_command
from django.urls import reverse

from portal.models import Account, AuditEvent, Licence, Member, OutgoingMail, User
from tests.factories import UserFactory
from tests.support.mails import read_code, send_mails, set_password

pytestmark = pytest.mark.django_db

NAME, OWNER, REVIEWER = "Cascade Solar LLC", "dana@example.com", "riley@example.com"
SMTP = "django.core.mail.backends.smtp.EmailBackend"


def run(*options: str, name: str = NAME, owner: str = OWNER) -> str:
    output = StringIO()
    call_command("create_account", name, "--owner", owner, *options, stdout=output)
    return output.getvalue()


def refuse(*options: str, **names: str) -> str:
    """The error of a call that changes nothing."""
    models = (Account, Licence, Member, OutgoingMail, User, AuditEvent)
    before = [model.objects.count() for model in models]
    with pytest.raises(CommandError) as refused:
        run(*options, **names)
    assert [model.objects.count() for model in models] == before
    return str(refused.value)


def test_account_with_licences_owner_and_reviewer_is_created(settings):
    settings.EMAIL_BACKEND = SMTP
    shown = run(
        *("--licence", "contact_center_elite", "--licence", "monitoring_sku=500"),
        *("--reviewer", REVIEWER, "--time-zone", "America/Denver"),
    )
    account = Account.objects.get()
    assert (account.name, account.time_zone) == (NAME, "America/Denver")
    assert set(account.licences.values_list("product", "seats")) == {
        ("contact_center_elite", 1),
        ("monitoring_sku", 500),
    }
    owner = account.members.get()
    assert (owner.user.email, owner.role, owner.user.staff_role) == (OWNER, "owner", "")
    assert list(AuditEvent.objects.order_by("pk").values_list("code", "via")) == [
        ("account.added", "command"),
        ("licence.added", "command"),
        ("licence.added", "command"),
        ("member.added", "command"),
    ]
    assert set(OutgoingMail.objects.values_list("kind", "recipient")) == {
        ("invitation", OWNER),
        ("staff_invitation", REVIEWER),
    }
    assert "Spam Monitoring and Remediation, 500 seats" in shown
    assert "/password/set/" not in shown, "links go by mail"


def test_first_reviewer_is_superuser_and_later_ones_are_reviewers():
    assert f"{REVIEWER} is superuser of the administration" in run("--reviewer", REVIEWER)
    assert "pat@example.com is reviewer" in run(
        "--reviewer", "pat@example.com", name="Other LLC", owner="o@example.com"
    )
    roles = dict(User.objects.exclude(staff_role="").values_list("email", "staff_role"))
    assert roles == {REVIEWER: "superuser", "pat@example.com": "reviewer"}


def test_reviewer_who_is_staff_keeps_their_role():
    UserFactory(email=REVIEWER, staff_role="operator")
    assert f"{REVIEWER} is staff already: operator." in run("--reviewer", REVIEWER)
    assert User.objects.get(email=REVIEWER).staff_role == "operator"


def test_mailed_links_let_owner_and_reviewer_sign_in(client):
    run("--reviewer", REVIEWER)
    owner_mail, staff_mail = send_mails()
    assert "You were added to Cascade Solar LLC in the Number Reputation portal" in owner_mail.body
    assert reverse("admin:index") in staff_mail.body
    for message, address in ((owner_mail, OWNER), (staff_mail, REVIEWER)):
        set_password(client, read_code(message.body), "a long enough one")
        assert client.login(username=address, password="a long enough one")
    assert client.get(reverse("admin:index")).status_code == 200


def test_links_are_printed_while_mail_is_not_set_up(client):
    shown = run()
    assert f"{OWNER} sets a password here: http://localhost:8000/password/set/#" in shown
    set_password(client, read_code(shown), "a long enough one")
    assert client.login(username=OWNER, password="a long enough one")


def test_links_are_printed_on_request(settings):
    settings.EMAIL_BACKEND = SMTP
    assert "/password/set/" in run("--show-links")


def test_own_installation_makes_its_owner_the_superuser():
    shown = run("--own")
    owner = User.objects.get()
    assert owner.staff_role == "superuser"
    assert Licence.objects.get().product == "own_installation"
    assert "Licence: Own installation." in shown
    assert "decides on the enrollment" in shown


def test_owner_of_an_own_installation_gets_no_staff_role_where_others_are_staff():
    UserFactory(email=REVIEWER, staff_role="reviewer")
    assert f"{OWNER} got no staff role" in run("--own")
    assert User.objects.get(email=OWNER).staff_role == ""


@pytest.mark.parametrize("options", [["--own"], ["--licence", "phone_pro=3", "--reviewer", REVIEWER]])
def test_second_run_says_what_exists_and_changes_nothing(options):
    run(*options)
    models = (Account, Licence, Member, OutgoingMail, User, AuditEvent)
    before = [list(model.objects.order_by("pk").values()) for model in models]
    shown = run(*options)
    assert [list(model.objects.order_by("pk").values()) for model in models] == before
    assert f"The account {NAME} exists already. Nothing was changed." in shown
    assert f"{OWNER} is an owner." in shown
    assert "Licence: " in shown
    assert "superuser of the administration" in shown


def test_second_run_names_a_licence_that_is_missing():
    run()
    shown = run("--licence", "phone_pro")
    assert "It has no licence." in shown
    assert "It does not have Phone Pro" in shown
    assert not Licence.objects.exists()


def test_name_of_an_account_of_others_is_refused():
    run()
    error = refuse(owner="else@example.com")
    assert "exists already, and else@example.com is not its owner" in error
    assert "Choose another name" in error


@pytest.mark.parametrize("address", ["dana at example", "", "dana@example.com,riley@example.com"])
def test_address_that_is_none_is_refused(address):
    assert "is not an e-mail address. Write it as dana@example.com." in refuse(owner=address)


def test_address_of_the_reviewer_is_checked():
    assert "riley is not an e-mail address" in refuse("--reviewer", "riley")
    assert "The owner may not decide on their own enrollment" in refuse("--reviewer", OWNER.upper())


@pytest.mark.parametrize(
    ("licence", "words"),
    [
        ("gold", "There is no licence gold. The licences are: contact_center_premium"),
        ("own_installation", "is granted with --own"),
        ("monitoring_sku=0", "a number of 1 or more"),
        ("monitoring_sku=-5", "a number of 1 or more"),
        ("monitoring_sku=many", "a number of 1 or more"),
        ("monitoring_sku=99999999999999999999", "a number of 1 or more"),
    ],
)
def test_licence_that_is_unknown_is_refused(licence, words):
    assert words in refuse("--licence", licence)


def test_own_installation_with_other_licences_is_refused():
    assert "Omit --licence" in refuse("--own", "--licence", "phone_pro")


@pytest.mark.parametrize("name", [" ", "x" * 121])
def test_name_that_is_too_short_or_long_is_refused(name):
    assert "1 to 120 characters" in refuse(name=name)


def test_unknown_time_zone_is_refused():
    assert "Mars/Base is not a time zone" in refuse("--time-zone", "Mars/Base")


@pytest.mark.parametrize("option", ["owner", "reviewer"])
def test_person_who_may_not_sign_in_is_refused(option):
    UserFactory(email="gone@example.com", is_active=False)
    error = refuse("--reviewer", "gone@example.com") if option == "reviewer" else refuse(owner="gone@example.com")
    assert "kept from signing in" in error
