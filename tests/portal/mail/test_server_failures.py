"""What the failures of a mail server mean in words, in the outbox and in `manage.py send_test_mail`."""

import socket
import ssl
import subprocess
from datetime import timedelta

import pytest
from django.core.management import CommandError, call_command

from portal.models import MailServer, OutgoingMail
from tests.portal.mail.helpers import enqueue_mails, states, sweep
from tests.support.mail_server import PASSWORD, USER, Hold, run_mail_server
from tests.support.servers import free_port

pytestmark = pytest.mark.django_db

MINUTE = timedelta(minutes=1)


def send_test_mail(capsys, address: str = "dana@example.com") -> str:
    """What the command prints, or the error with which it ends."""
    try:
        call_command("send_test_mail", address)
    except CommandError as error:
        return str(error)
    return capsys.readouterr().out


def test_command_shows_what_the_server_said(server, capsys):
    shown = send_test_mail(capsys)
    assert "took the mail to dana@example.com. It said: 250 Queued as 4711" in shown
    (message,) = server.taken
    assert message["To"] == "dana@example.com"
    assert not OutgoingMail.objects.exists(), "the outbox is not used"


def test_mails_are_sent_after_signing_in(use_smtp, now, capsys):
    with run_mail_server(offers_sign_in=True) as (server, port):
        use_smtp(port, user=USER, password=PASSWORD)
        enqueue_mails(now, "dana@example.com")
        assert sweep(now) == 1
        assert server.sign_ins == 1
        assert "took the mail" in send_test_mail(capsys)


def test_refused_sign_in_lets_all_mails_wait_and_is_explained(use_smtp, now, capsys):
    with run_mail_server(offers_sign_in=True) as (server, port):
        use_smtp(port, user=USER, password="wrong")
        enqueue_mails(now, "first@example.com", "second@example.com")
        assert sweep(now) == 0
        known = MailServer.objects.get()
        assert "refused the sign-in. It said: 535" in known.error
        assert "user and the password in EMAIL_URL" in known.advice
        assert list(OutgoingMail.objects.values_list("state", "attempts")) == [("waiting", 0)] * 2
        shown = send_test_mail(capsys)
        assert "refused the sign-in" in shown
        assert "What to do: Check the user and the password" in shown
        assert "wrong" not in shown + known.error
        use_smtp(port, user=USER, password=PASSWORD)
        assert sweep(now + MINUTE) == 2
        assert len(server.taken) == 2


def test_server_that_is_down_lets_all_mails_wait_for_at_most_five_minutes(use_smtp, now, capsys):
    port = free_port()
    use_smtp(port)
    enqueue_mails(now, "dana@example.com")
    at, pauses = now, []
    for _ in range(6):
        assert sweep(at) == 0
        known = MailServer.objects.get()
        pauses.append((known.paused_until - at) / MINUTE)
        at = known.paused_until
    assert pauses == [0.5, 1, 2, 4, 5, 5]
    assert (known.failing_since, known.failures) == (now, 6)
    assert f"Nothing listens at 127.0.0.1:{port}." in known.error
    assert f"Nothing listens at 127.0.0.1:{port}." in send_test_mail(capsys)
    with run_mail_server(port=port) as (server, _):
        assert sweep(at) == 1
        assert server.recipients() == ["dana@example.com"]
    assert states() == {"dana@example.com": "sent"}


def test_server_that_does_not_greet_is_left_after_the_time_out(use_smtp, now, capsys):
    with socket.create_server(("127.0.0.1", 0)) as silent:
        use_smtp(silent.getsockname()[1], timeout=0.2)
        enqueue_mails(now, "dana@example.com")
        assert sweep(now) == 0
        assert "did not answer in time" in MailServer.objects.get().error
        shown = send_test_mail(capsys)
    assert "did not answer in time" in shown
    assert "port 465 needs smtp+ssl://" in shown


def test_time_out_after_the_mail_was_written_is_explained(server, settings, capsys):
    settings.EMAIL_TIMEOUT = 0.3
    hold = Hold()
    server.on_data = lambda message: hold
    shown = send_test_mail(capsys)
    hold.release()
    assert "did not answer in time" in shown


def test_name_that_does_not_exist_is_explained(use_smtp, settings, capsys):
    use_smtp(25)
    settings.EMAIL_HOST = "mail.invalid"
    shown = send_test_mail(capsys)
    assert "The name mail.invalid was not found." in shown
    assert "Check the host name in EMAIL_URL" in shown


def test_server_without_encryption_or_sign_in_is_explained(server, settings, capsys):
    settings.EMAIL_USE_TLS = True
    assert "offers no encryption with STARTTLS" in send_test_mail(capsys)
    settings.EMAIL_USE_TLS, settings.EMAIL_USE_SSL = False, True
    shown = send_test_mail(capsys)
    assert "The encrypted connection to 127.0.0.1" in shown
    assert "port 587 smtp+tls://" in shown
    settings.EMAIL_USE_SSL = False
    settings.EMAIL_HOST_USER, settings.EMAIL_HOST_PASSWORD = USER, PASSWORD
    assert "offers no sign-in on this connection" in send_test_mail(capsys)


def test_certificate_that_nobody_vouches_for_is_explained(use_smtp, settings, capsys, tmp_path):
    key, certificate = tmp_path / "key.pem", tmp_path / "certificate.pem"
    openssl = ["openssl", "req", "-x509", "-newkey", "rsa:2048", "-nodes", "-subj", "/CN=localhost", "-days", "2"]
    subprocess.run([*openssl, "-keyout", key, "-out", certificate], check=True, capture_output=True)
    context = ssl.create_default_context(ssl.Purpose.CLIENT_AUTH)
    context.load_cert_chain(certificate, key)
    with run_mail_server(tls_context=context) as (server, port):
        use_smtp(port)
        settings.EMAIL_USE_TLS = True
        shown = send_test_mail(capsys)
    assert "is not valid: self-signed certificate" in shown
    assert "update-ca-certificates" in shown
    assert server.taken == []


@pytest.mark.parametrize(
    ("reply", "words"),
    [
        ("550 5.1.1 No such user", "refused the recipient for good. It said: 550 5.1.1 No such user."),
        ("451 4.7.1 Greylisted", "does not take the recipient now. It said: 451 4.7.1 Greylisted."),
        ("554 5.7.1 Relay access denied", "does not forward mail for the portal."),
    ],
)
def test_refused_recipient_is_explained(server, capsys, reply, words):
    server.on_recipient = lambda address: reply
    assert words in send_test_mail(capsys)


def test_refused_sender_is_explained(server, settings, capsys):
    server.on_sender = lambda address: "553 5.7.1 Not yours"
    settings.DEFAULT_FROM_EMAIL = "Number Reputation <portal@example.com>"
    shown = send_test_mail(capsys)
    assert "refused the sender portal@example.com. It said: 553 5.7.1 Not yours." in shown
    assert "DEFAULT_FROM_EMAIL" in shown


@pytest.mark.parametrize("address", ["dana at example.com", "", "dana@example.com\0"])
def test_address_that_is_none_is_refused(capsys, address):
    assert "is not an e-mail address" in send_test_mail(capsys, address)


def test_command_says_that_nothing_leaves_the_machine_without_a_mail_server(capsys, settings):
    settings.EMAIL_BACKEND = "django.core.mail.backends.locmem.EmailBackend"
    assert "no mail left this machine" in send_test_mail(capsys)
