"""A mail server that tests tell how to answer."""

from collections.abc import Iterator

import pytest

from tests.support.mail_server import StandIn, run_mail_server


@pytest.fixture
def use_smtp(settings):
    """Send mail by SMTP to this port."""

    def use(port: int, *, user: str = "", password: str = "", timeout: float = 20) -> None:
        settings.EMAIL_BACKEND = "django.core.mail.backends.smtp.EmailBackend"
        settings.EMAIL_HOST, settings.EMAIL_PORT, settings.EMAIL_TIMEOUT = "127.0.0.1", port, timeout
        settings.EMAIL_HOST_USER, settings.EMAIL_HOST_PASSWORD = user, password
        settings.EMAIL_USE_TLS = settings.EMAIL_USE_SSL = False

    return use


@pytest.fixture
def server(use_smtp) -> Iterator[StandIn]:
    """A mail server that takes everything, until a test changes that."""
    with run_mail_server() as (stand_in, port):
        use_smtp(port)
        yield stand_in
