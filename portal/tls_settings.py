"""REQUIRE_TLS: no connection to the database, Redis or the mail server leaves this machine unencrypted."""

from __future__ import annotations

from collections.abc import Mapping
from ipaddress import ip_address
from typing import Any
from urllib.parse import urlsplit

from portal.environment import EnvironmentReader

# With the others (disable, allow, prefer), libpq goes on without TLS if the server has none.
ENCRYPTED_SSL_MODES = ("require", "verify-ca", "verify-full")


def check_tls(
    environment: EnvironmentReader,
    *,
    databases: Mapping[str, Mapping[str, Any]],
    broker_url: str,
    mail: Mapping[str, Any],
) -> None:
    """With REQUIRE_TLS=1, record an error for each of the connections that goes to another machine without TLS.

    `databases`, by their variable, and `mail` are what Django is set to, and `broker_url` is Q_BROKER_URL.
    """
    read = environment.read
    if not read("bool", "REQUIRE_TLS", False):
        return
    for name, database in databases.items():
        environment.require(
            _is_database_encrypted(database),
            f"{name} does not use TLS, and REQUIRE_TLS=1. Add ?sslmode=verify-full&sslrootcert=/path/to/ca.pem to it, "
            "or ?sslmode=require, which does not check whose server it is.",
        )
    environment.require(
        _is_redis_encrypted(broker_url),
        "Q_BROKER_URL does not use TLS, and REQUIRE_TLS=1. Write it as rediss://host:6379/0.",
    )
    environment.require(
        _is_mail_encrypted(mail),
        "EMAIL_URL does not use TLS, and REQUIRE_TLS=1. Write it as smtp+tls://user:password@host:587 (STARTTLS) or "
        "smtp+ssl://user:password@host:465.",
    )


def _is_database_encrypted(database: Mapping[str, Any]) -> bool:
    if database.get("ENGINE") != "django.db.backends.postgresql":  # SQLite, or an address that could not be read
        return True
    options = database.get("OPTIONS", {})
    hosts = [*str(options.get("host") or database.get("HOST") or "").split(","), options.get("hostaddr", "")]
    return options.get("sslmode") in ENCRYPTED_SSL_MODES or all(map(_is_local, hosts))


def _is_redis_encrypted(url: str) -> bool:
    parts = urlsplit(url)
    return parts.scheme != "redis" or _is_local(parts.hostname or "")


def _is_mail_encrypted(mail: Mapping[str, Any]) -> bool:
    if mail.get("EMAIL_BACKEND") != "django.core.mail.backends.smtp.EmailBackend":  # the console, or a file
        return True
    is_encrypted = mail.get("EMAIL_USE_TLS") or mail.get("EMAIL_USE_SSL")
    return bool(is_encrypted) or _is_local(mail.get("EMAIL_HOST") or "")


def _is_local(host: str) -> bool:
    """Whether the host is this machine: a loopback address, or the directory of a Unix socket ("": the default one)."""
    if not host or host == "localhost" or host.startswith(("/", "%2F", "@")):
        return True
    try:
        return ip_address(host).is_loopback
    except ValueError:
        return False
