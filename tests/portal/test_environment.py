"""Environment variables: all are documented, and a production portal does not start with invalid ones."""

import ast
import configparser
import json
import os
import re
import secrets
import subprocess
import sys
from pathlib import Path
from unittest.mock import patch

import environ
import pytest
from django.conf import settings

from portal.environment import EnvironmentReader
from portal.jobs.runner import BUDGET_SECONDS
from portal.tls_settings import check_tls

ROOT = Path(settings.BASE_DIR)
REQUIRED_VARIABLES = ("SECRET_KEY", "ALLOWED_HOSTS", "PUBLIC_URL", "EMAIL_URL", "DEFAULT_FROM_EMAIL")


def variables_in_settings() -> set[str]:
    """The variables that the modules of settings read: read("kind", "NAME", default)."""
    modules = [ast.parse(path.read_text()) for path in (ROOT / "portal").glob("*settings.py")]
    calls = (node for module in modules for node in ast.walk(module) if isinstance(node, ast.Call))
    return {call.args[1].value for call in calls if getattr(call.func, "id", "") == "read"}


def env_example() -> dict[str, tuple[str, str]]:
    """The explanation and the value of each variable in .env.example; "" for a commented default."""
    found, explanation = {}, ""
    for line in (ROOT / ".env.example").read_text().splitlines():
        if setting := re.fullmatch(r"(# )?([A-Z][A-Z_]*)=(.*)", line):
            found[setting[2]] = (explanation, "" if setting[1] else setting[3])
            explanation = ""
        elif line.startswith("# ") and not line.startswith("# ---"):
            explanation += line[1:]
        else:
            explanation = ""
    return found


@pytest.fixture
def production_env(tmp_path) -> dict[str, str]:
    """The environment of .env.example, with the empty values filled in."""
    values = {name: value for name, (_, value) in env_example().items() if value}
    return values | {"SECRET_KEY": secrets.token_urlsafe(50), "DATA_DIR": str(tmp_path)}


def run_python(environment: dict[str, str], *arguments: str) -> subprocess.CompletedProcess:
    kept = {name: os.environ[name] for name in ("PATH", "HOME", "LANG") if name in os.environ}
    defaults = {"DJANGO_SETTINGS_MODULE": "portal.settings", "DEMO": "0"}
    return subprocess.run(
        [sys.executable, *arguments],
        cwd=ROOT,
        env=kept | defaults | environment,
        capture_output=True,
        text=True,
        timeout=120,
        check=False,
    )


def test_the_example_names_every_variable_and_no_other():
    assert set(env_example()) == variables_in_settings()


def test_the_example_explains_every_variable():
    assert [name for name, (explanation, _) in env_example().items() if len(explanation) < 15] == []


def test_default_providers_are_those_of_the_example(production_env):
    names = production_env.pop("PROVIDERS")
    shown = run_python(production_env, "-c", "from django.conf import settings; print(*settings.PROVIDERS, sep=',')")
    assert shown.stdout.strip() == names == "complaints,fcc,handset,desk"


def test_secret_key_of_the_example_is_empty():
    assert env_example()["SECRET_KEY"][1] == ""


def test_production_does_not_start_without_required_variables_and_names_all(tmp_path):
    answer = run_python(dict.fromkeys(REQUIRED_VARIABLES, "") | {"DATA_DIR": str(tmp_path)}, "manage.py", "check")
    assert answer.returncode != 0
    assert "The portal cannot start with this environment" in answer.stderr
    assert {name for name in REQUIRED_VARIABLES if f"{name} is missing" in answer.stderr} == set(REQUIRED_VARIABLES)
    assert ".env.example" in answer.stderr


INVALID_VALUES = {
    "SECRET_KEY": ("short", "shorter than 50 characters"),
    "PUBLIC_URL": ("numbers.example.com", "has no scheme"),
    "DEBUG": ("1", "DEBUG shows settings and data to anyone"),
    "BEHIND_PROXY": ("ture", "BEHIND_PROXY cannot be read: 'ture' is neither 1 nor 0"),
    "DATABASE_URL": ("mysql://a:b@localhost/portal", "DATABASE_URL is for another database"),
    "MIGRATE_DATABASE_URL": ("postgres://owner:word@127.0.0.1/portal", "MIGRATE_DATABASE_URL is for PostgreSQL"),
    "EMAIL_URL": ("pigeon://roof", "EMAIL_URL cannot be read"),
    "UPLOAD_LIMIT_MB": ("many", "UPLOAD_LIMIT_MB cannot be read"),
    "MIN_FREE_DISK_MB": ("-1", "MIN_FREE_DISK_MB is -1; it must be 0 or more"),
    "ENCRYPTION_KEYS": ("short", "ENCRYPTION_KEYS has a key that is not 32 bytes in base64"),
    "REQUIRE_TLS": ("maybe", "REQUIRE_TLS cannot be read: 'maybe' is neither 1 nor 0"),
    "WEBHOOK_PLAIN_HTTP": ("maybe", "WEBHOOK_PLAIN_HTTP cannot be read"),
    "OIDC_ISSUER": ("http://id.example.com", "OIDC_ISSUER does not begin with https://"),
    "OIDC_CLIENT_ID": ("", "OIDC_ISSUER is set, but not OIDC_CLIENT_ID and OIDC_CLIENT_SECRET"),
    "MAIL_PER_SECOND": ("-1", "MAIL_PER_SECOND is -1; it must be 0 or more"),
    "WORKERS": ("0", "WORKERS is 0; it must be 1 or more"),
    "Q_BROKER_URL": ("localhost", "Q_BROKER_URL is not the address of a Redis"),
    "FCC_URL": ("opendata.fcc.gov", "FCC_URL is opendata.fcc.gov; it must be an address"),
    "FCC_BATCH_SIZE": ("101", "FCC_BATCH_SIZE is 101; it must be from 1 to 100"),
    "FCC_REQUESTS_PER_HOUR": ("0", "FCC_REQUESTS_PER_HOUR is 0; it must be 10 or more. FCC_FETCH=0 asks nothing."),
    "FCC_TIMEOUT": ("300", "FCC_TIMEOUT is 300; it must be from 1 to 30 seconds"),
    "FCC_CHECK_MINUTES": ("5", "FCC_CHECK_MINUTES is 5; it must be 60 or more"),
    "FCC_APP_TOKEN": ("two words", "FCC_APP_TOKEN has characters that no token has"),
    "TEST_CALL_PROVEN_DAYS": ("0", "TEST_CALL_PROVEN_DAYS is 0; it must be 1 or more"),
    "DESK_SEND_DAYS": ("0", "DESK_SEND_DAYS is 0; it must be 1 or more"),
    "TEST_CALL_ROUND_HOURS": ("0", "TEST_CALL_ROUND_HOURS is 0; it must be 1 or more"),
    "TEST_CALL_ARRIVALS_DAYS": ("0", "TEST_CALL_ARRIVALS_DAYS is 0; it must be 1 or more"),
    "TEST_CALL_PHOTO_UNUSED_HOURS": ("0", "TEST_CALL_PHOTO_UNUSED_HOURS is 0; it must be 1 or more"),
    "TEST_CALL_RELOOK_DAYS": ("3,soon", "TEST_CALL_RELOOK_DAYS is 3,soon; it must be days from 1 on, such as 3,7,14."),
    "LOG_LEVEL": ("LOUD", "LOG_LEVEL is LOUD"),
    "METRICS_TOKEN": ("short", "METRICS_TOKEN is shorter than 20 characters."),
    "LOG_FORMAT": ("xml", "LOG_FORMAT is xml; it must be plain, json or journal."),
    "DAY_SECONDS": ("20", "in production a day has 86400 seconds"),
    "FTC_INDEX_URL": ("http://www.ftc.gov/page", "FTC_INDEX_URL is not https"),
    "FTC_PUBLISHED_BY_HOUR": ("24", "FTC_PUBLISHED_BY_HOUR is 24; it must be an hour from 0 to 23"),
    "FTC_PAUSE_SECONDS": ("-1", "FTC_PAUSE_SECONDS is -1.0; it must be 0 or more"),
    "FTC_TIMEOUT_SECONDS": ("76", "FTC_TIMEOUT_SECONDS is 76.0; it must be more than 0, and at most 75"),
    "FTC_RETRY_HOURS": ("0", "FTC_RETRY_HOURS is 0.0; it must be more than 0"),
    "FTC_MAX_FILE_MB": ("0", "FTC_MAX_FILE_MB is 0; it must be 1 or more"),
    "CLEAN_DAYS": ("0", "CLEAN_DAYS is 0; it must be 1 or more"),
    "LABEL_SEEN_DAYS": ("0", "LABEL_SEEN_DAYS is 0; it must be 1 or more"),
    "RISK_DAYS": ("0", "RISK_DAYS is 0; it must be 1 or more"),
    "AGREEING_APPS": ("0", "AGREEING_APPS is 0; it must be 1 or more"),
    "SKIPPED_ALERT_PERCENT": ("101", "SKIPPED_ALERT_PERCENT is 101; it must be from 0 to 100."),
}


def test_production_does_not_start_with_invalid_values_and_names_all(production_env):
    wrong = {name: value for name, (value, _) in INVALID_VALUES.items()}
    answer = run_python(production_env | wrong, "manage.py", "check")
    assert answer.returncode != 0
    assert [error for _, error in INVALID_VALUES.values() if error not in answer.stderr] == []


def test_public_url_without_tls_needs_allow_plain_http(production_env):
    plain = production_env | {"PUBLIC_URL": "http://numbers.lan"}
    assert "ALLOW_PLAIN_HTTP=1 says that this is meant" in run_python(plain, "manage.py", "check").stderr
    assert run_python(plain | {"ALLOW_PLAIN_HTTP": "1"}, "manage.py", "check").returncode == 0


def test_the_demos_secret_is_refused_in_production(production_env):
    from portal.environment import DEMO_SECRET_KEY

    assert "SECRET_KEY" in run_python(production_env | {"SECRET_KEY": DEMO_SECRET_KEY}, "manage.py", "check").stderr


def test_secret_key_can_be_read_from_a_file(production_env, tmp_path):
    secret = tmp_path / "secret"
    secret.write_text(production_env.pop("SECRET_KEY"))
    answer = run_python(production_env | {"SECRET_KEY_FILE": str(secret)}, "manage.py", "check")
    assert answer.returncode == 0, answer.stderr


def test_djangos_deployment_check_finds_nothing_with_the_production_example(production_env):
    answer = run_python(production_env, "manage.py", "check", "--deploy", "--fail-level", "DEBUG")
    assert answer.returncode == 0, answer.stderr
    assert "no issues" in answer.stdout + answer.stderr


# Requests the sign-in page as Caddy does, and the style sheet that it names.
VISIT_SCRIPT = """
import json, re, django
django.setup()
from django.test import Client
client = Client(headers={"host": "numbers.example.com", "x-forwarded-proto": "https"})
page = client.get("/sign-in/")
sheet = re.search(r'/static/css/portal\\.[0-9a-f]{12}\\.css', page.content.decode())[0]
answer = client.get(sheet)
print(json.dumps({
    "page": page.status_code, "csp": page["Content-Security-Policy"], "hsts": page["Strict-Transport-Security"],
    "sheet": answer.status_code, "cache": answer["Cache-Control"], "secure": page.cookies["__Host-csrftoken"]["secure"],
    "plain": Client(headers={"host": "numbers.example.com"}).get("/sign-in/").status_code,
}))
"""


def test_static_files_are_collected_and_served_by_the_production_portal(production_env):
    for command in ("migrate", "collectstatic"):
        answer = run_python(production_env, "manage.py", command, "--noinput", "-v", "0")
        assert answer.returncode == 0, answer.stderr
    answer = run_python(production_env, "-c", VISIT_SCRIPT)
    assert answer.returncode == 0, answer.stderr
    seen = json.loads(answer.stdout)
    assert (seen["page"], seen["sheet"], seen["plain"]) == (200, 200, 301)
    assert "immutable" in seen["cache"]
    assert "script-src 'self'" in seen["csp"]
    assert seen["hsts"].startswith("max-age=31536000")
    assert seen["secure"]


UNENCRYPTED = {
    "DATABASE_URL": "postgres://portal:word@db.example.com/portal",
    "Q_BROKER_URL": "redis://redis.example.com:6379/0",
    "EMAIL_URL": "smtp://portal:word@mail.example.com:25",
}


def names_without_tls(environment: dict[str, str]) -> set[str]:
    answer = run_python(environment, "-c", "from django.conf import settings; settings.DEBUG")
    return {name for name in UNENCRYPTED if f"{name} does not use TLS, and REQUIRE_TLS=1." in answer.stderr}


def test_connections_without_tls_are_refused_where_it_is_required(production_env):
    assert names_without_tls(production_env | UNENCRYPTED) == set()
    assert names_without_tls(production_env | UNENCRYPTED | {"REQUIRE_TLS": "1"}) == set(UNENCRYPTED)


@pytest.mark.parametrize(
    ("name", "url", "is_accepted"),
    [
        ("DATABASE_URL", "sqlite:////tmp/portal.sqlite3", True),
        ("MIGRATE_DATABASE_URL", "postgres://owner:word@db.example.com/portal", False),
        ("DATABASE_URL", "postgres:////run/postgresql/portal", True),
        ("DATABASE_URL", "postgres://portal:word@127.0.0.1/portal", True),
        ("DATABASE_URL", "postgres://portal:word@[::1]:5432/portal", True),
        ("DATABASE_URL", "postgres://portal:word@db.example.com/portal?sslmode=require", True),
        ("DATABASE_URL", "postgres://portal:word@db.example.com/portal?sslmode=verify-full", True),
        ("DATABASE_URL", "postgres://portal:word@db.example.com/portal?sslmode=prefer", False),
        ("DATABASE_URL", "postgres://portal:word@127.0.0.1/portal?host=db.example.com", False),
        ("DATABASE_URL", "postgres://portal:word@127.0.0.1/portal?hostaddr=203.0.113.7", False),
        ("Q_BROKER_URL", "rediss://redis.example.com:6379/0", True),
        ("Q_BROKER_URL", "unix:///run/redis.sock", True),
        ("Q_BROKER_URL", "redis://localhost:6379/0", True),
        ("Q_BROKER_URL", "redis://:word@10.0.0.7:6379/0", False),
        ("EMAIL_URL", "smtp+ssl://portal:word@mail.example.com:465", True),
        ("EMAIL_URL", "smtp://localhost:25", True),
        ("EMAIL_URL", "smtp://127.evil.example:25", False),
    ],
)
def test_required_tls_leaves_connections_within_the_machine(name, url, is_accepted):
    environment = EnvironmentReader()
    with patch.dict(os.environ, {"REQUIRE_TLS": "1"}):
        check_tls(
            environment,
            databases={name: environ.Env.db_url_config(url)} if "DATABASE_URL" in name else {},
            broker_url=url if name == "Q_BROKER_URL" else "",
            mail=environ.Env.email_url_config(url) if name == "EMAIL_URL" else {},
        )
    assert (environment.errors == []) == is_accepted
    assert all(error.startswith(name) for error in environment.errors)


# Signs in to pages of the portal with https, with and without the token of the form.
COOKIES_SCRIPT = """
import json, django
django.setup()
from django.test import Client
from portal.models import User
client = Client(enforce_csrf_checks=True, headers={"host": "numbers.example.com", "x-forwarded-proto": "https"})
client.get("/sign-in/")
client.force_login(User.objects.create(email="dana@example.com"))
def post(**data):
    headers = {"referer": "https://numbers.example.com/"}
    return client.post("/sign-out/", data, headers=headers).status_code
cookies = {name: dict(morsel) for name, morsel in client.cookies.items()}
token = client.cookies["__Host-csrftoken"].value
print(json.dumps({"cookies": cookies, "without": post(), "with": post(csrfmiddlewaretoken=token)}))
"""


def test_cookies_over_https_are_for_this_host_only(production_env):
    for command in ("migrate", "collectstatic"):
        assert run_python(production_env, "manage.py", command, "--noinput", "-v", "0").returncode == 0
    answer = run_python(production_env, "-c", COOKIES_SCRIPT)
    assert answer.returncode == 0, answer.stderr
    seen = json.loads(answer.stdout)
    assert set(seen["cookies"]) == {"__Host-sessionid", "__Host-csrftoken"}
    # Browsers refuse a cookie with this prefix otherwise.
    assert {(c["secure"], c["path"], c["domain"] or "") for c in seen["cookies"].values()} == {(True, "/", "")}
    assert (seen["without"], seen["with"]) == (403, 302)


def test_cookies_over_plain_http_keep_their_usual_names(production_env):
    plain = production_env | {"PUBLIC_URL": "http://numbers.lan", "ALLOW_PLAIN_HTTP": "1"}
    script = "from django.conf import settings; print(settings.SESSION_COOKIE_NAME, settings.CSRF_COOKIE_NAME)"
    assert run_python(plain, "-c", script).stdout.split() == ["sessionid", "csrftoken"]


@pytest.mark.parametrize("name", ["gunicorn.conf.py", "gunicorn-dialer.conf.py"])
def test_gunicorn_accepts_its_configuration_and_the_portal(production_env, name):
    answer = run_python(production_env, "-m", "gunicorn", "--check-config", "--config", f"deploy/{name}", "portal.wsgi")
    assert answer.returncode == 0, answer.stderr


def systemd_service(name: str) -> configparser.SectionProxy:
    parser = configparser.RawConfigParser(strict=False)
    parser.optionxform = str
    parser.read(ROOT / "deploy" / name)
    return parser["Service"]


def test_systemd_gives_the_worker_time_to_finish_its_tasks():
    worker = systemd_service("portal-worker.service")
    assert worker["KillMode"] == "mixed"
    assert worker["Restart"] == "always"
    assert int(worker["TimeoutStopSec"]) >= 3 * BUDGET_SECONDS


@pytest.mark.parametrize("name", ["portal-web.service", "portal-dialer.service", "portal-worker.service"])
def test_systemd_units_may_write_only_to_the_data_directory(name):
    assert systemd_service(name)["ReadWritePaths"] == env_example()["DATA_DIR"][1]
    assert systemd_service(name)["EnvironmentFile"] == "/etc/portal/portal.env"
