"""The container files: their settings exist, and the image has what its commands need. Nothing builds the image."""

from __future__ import annotations

import os
import re
import subprocess

import psycopg
import pytest
import yaml

from tests.deploy.units import read_unit
from tests.support.processes import ROOT, run_python
from tests.support.servers import temporary_postgresql

COMPOSE = yaml.safe_load((ROOT / "compose.yaml").read_text())
DOCKERFILE = (ROOT / "Dockerfile").read_text()
PORTAL_SERVICES = ("migrate", "web", "dialer", "workers")
# Of gunicorn, in deploy/gunicorn.conf.py.
GUNICORN_VARIABLES = {"WEB_THREADS"}


@pytest.mark.parametrize("name", PORTAL_SERVICES)
def test_every_setting_is_in_the_example(name):
    known = set(re.findall(r"^(?:# )?([A-Z_]+)=", (ROOT / ".env.example").read_text(), re.MULTILINE))
    named = {variable.removesuffix("_FILE") for variable in COMPOSE["services"][name]["environment"]}
    assert named - known - GUNICORN_VARIABLES == set()


@pytest.mark.parametrize("name", PORTAL_SERVICES)
def test_secrets_come_from_files_and_the_root_is_read_only(name):
    service = COMPOSE["services"][name]
    files = {value for variable, value in service["environment"].items() if variable.endswith("_FILE")}
    assert files == {f"/run/secrets/{secret}" for secret in service["secrets"]}
    assert set(service["secrets"]) <= set(COMPOSE["secrets"])
    assert service["read_only"] is True


def test_image_has_what_the_commands_use_and_no_data():
    included = set(re.findall(r"^!(\S+)$", (ROOT / ".dockerignore").read_text(), re.MULTILINE))
    assert (ROOT / ".dockerignore").read_text().splitlines()[0] == "*"
    assert {"manage.py", "requirements.txt", "deploy", "portal", "enrollment", "reputation", "templates"} <= included
    assert [path for path in included if not (ROOT / path).exists()] == []


def test_image_runs_as_another_user_than_root():
    users = re.findall(r"^USER (\S+)$", DOCKERFILE, re.MULTILINE)
    assert users == ["portal"]
    assert DOCKERFILE.index("\nUSER portal") < DOCKERFILE.index("\nCMD")


def test_services_have_the_time_to_stop_that_they_need():
    """Docker kills a service after 10 seconds if nothing is said."""
    for service, name in (("web", "web"), ("dialer", "dialer"), ("workers", "worker")):
        unit = f"portal-{name}.service"
        allowed = int(read_unit((ROOT / "deploy" / unit).read_text())["TimeoutStopSec"])
        assert COMPOSE["services"][service]["stop_grace_period"] == f"{allowed}s"


def test_backups_have_the_programs_of_the_version_of_the_server():
    """pg_restore of a later version writes settings that this server does not know. Debian 12 has PostgreSQL 15."""
    assert set(re.findall(r"^FROM (\S+)", DOCKERFILE, re.MULTILINE)) == {"python:3.12-slim-bookworm"}
    assert "postgresql-client" in DOCKERFILE
    assert COMPOSE["services"]["database"]["image"] == "postgres:15"


def test_a_database_that_is_set_up_does_not_count_as_ready():
    """The image of PostgreSQL sets it up with a server that answers on its socket only."""
    assert COMPOSE["services"]["database"]["healthcheck"]["test"][:3] == ["CMD", "pg_isready", "-h"]


def test_proxy_reaches_the_dialers_processes_at_the_address_that_they_listen_at():
    assert COMPOSE["services"]["proxy"]["environment"]["PORTAL_DIALER_UPSTREAM"] == "dialer:8001"
    assert "DIALER_BIND=0.0.0.0:8001" in DOCKERFILE
    assert "--config deploy/gunicorn-dialer.conf.py" in COMPOSE["services"]["dialer"]["command"][-1]
    assert "127.0.0.1:8001/healthz" in COMPOSE["services"]["dialer"]["healthcheck"]["test"][-1]


def test_script_of_the_database_makes_a_role_that_cannot_alter_the_audit_trail(tmp_path):
    """As the image of PostgreSQL runs it, on a server of Debian. Then `migrate` runs as in its service."""
    service = COMPOSE["services"]["database"]
    owner, name = service["environment"]["POSTGRES_USER"], service["environment"]["POSTGRES_DB"]
    script = next(volume.partition(":")[0] for volume in service["volumes"] if "/docker-entrypoint-initdb.d/" in volume)
    (tmp_path / "password").write_text("it's a \\secret")
    with temporary_postgresql(owner) as address:
        port = address.rpartition(":")[2].partition("/")[0]
        server = {"PGHOST": "127.0.0.1", "PGPORT": port, "POSTGRES_USER": owner, "POSTGRES_DB": name}
        subprocess.run(
            ["sh", ROOT / script],
            env=os.environ | server | {"PORTAL_PASSWORD_FILE": f"{tmp_path}/password"},
            check=True,
        )
        roles = {"DATABASE_URL": address.replace(f"{owner}@", "portal@"), "MIGRATE_DATABASE_URL": address}
        settings = {"DJANGO_SETTINGS_MODULE": "portal.settings", "DEMO": "1", "DATA_DIR": str(tmp_path)}
        run_python("manage.py", "migrate", "-v0", environment=os.environ | settings | roles)
        with psycopg.connect(roles["DATABASE_URL"]) as portal, pytest.raises(psycopg.errors.InsufficientPrivilege):
            portal.execute("DELETE FROM portal_auditevent")


def test_owner_of_the_tables_is_known_to_migrate_only():
    with_owner = {
        name for name in PORTAL_SERVICES if "MIGRATE_DATABASE_URL_FILE" in COMPOSE["services"][name]["environment"]
    }
    assert with_owner == {"migrate"}
    passwords = ("owner_password", "migrate_database_url")
    knowing = {name for name, one in COMPOSE["services"].items() if set(passwords) & set(one.get("secrets", []))}
    assert knowing == {"migrate", "database"}
