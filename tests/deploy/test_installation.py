"""deploy/install.sh on an empty machine, and the portal that it makes: with the units' users, settings and umask."""

from __future__ import annotations

import re
import stat
import subprocess
from collections.abc import Iterator
from contextlib import ExitStack

import pytest

from tests.deploy.machine import Machine, empty_machine
from tests.deploy.units import run_unit
from tests.support.processes import ROOT

HOST = "portal.localhost"
OWNER, PASSWORD = "dana@example.com", "a portal of my own 2026"
ONLINE_STEPS = ("user", "code")
OFFLINE_STEPS = ("settings", "database", "command", "migrate", "services", "proxy")
# Runs inside the machine: signs in through the web server as the proxy asks it, uploads a file, and prints its page.
VISITOR = """
import re, sys, time
import httpx
headers = {"Host": sys.argv[1], "X-Forwarded-Proto": "https", "Referer": f"https://{sys.argv[1]}/"}
cookies = {}
def ask(method, path, **data):
    answer = httpx.request(method, "http://127.0.0.1:8000" + path, headers=headers, cookies=cookies, timeout=60, **data)
    cookies.update(answer.cookies)
    return answer
def token(path):
    return re.search(r'name="csrfmiddlewaretoken" value="(\\w+)"', ask("GET", path).text)[1]
form = {"username": sys.argv[2], "password": sys.argv[3], "csrfmiddlewaretoken": token("/sign-in/")}
assert ask("POST", "/sign-in/", data=form).status_code == 302
page = sys.argv[4]
form = {"csrfmiddlewaretoken": token(page)}
answer = ask("POST", page, data=form, files={"file": ("numbers.csv", "number\\n+12065550123\\n+12065550124\\n")})
assert answer.status_code == 302, answer.text
for _ in range(600):
    shown = ask("GET", answer.headers["location"]).text
    if re.search(r"Import 2\\s+number", shown):
        print("previewed")
        break
    time.sleep(0.1)
else:
    sys.exit(shown)
print(ask("GET", "/healthz").status_code, httpx.get("http://127.0.0.1:8000/healthz").status_code)
"""
SET_PASSWORD = f"""
from portal.models import User
user = User.objects.get(email="{OWNER}"); user.set_password("{PASSWORD}"); user.save()
from django.urls import reverse; print("PAGE", reverse("import-new"))
"""

CHECK_METRICS = """
set -e
/opt/portal/.venv/bin/python -c 'import httpx; print(httpx.get("http://127.0.0.1:8000/metrics").text)' > /tmp/metrics
grep -q portal_canary_age_seconds /tmp/metrics
promtool check metrics < /tmp/metrics
"""


@pytest.fixture(scope="module", params=["sqlite", "postgres"])
def installed(request, tmp_path_factory) -> Iterator[tuple[Machine, str]]:
    """The machine after the script, and what the script wrote."""
    folder = tmp_path_factory.mktemp("machine")
    source = folder / "source"
    subprocess.run(["git", "clone", "-q", ROOT, source], check=True)
    disk = folder / "disk"
    disk.mkdir()
    with empty_machine(disk, source) as machine:
        if request.param == "postgres":
            machine.run("sh", "-c", "pg_createcluster $(ls /usr/lib/postgresql) main --start")
        options = {"REPOSITORY": "/source", "HOST": HOST, "DATABASE": request.param}
        machine.run("bash", "/source/deploy/install.sh", *ONLINE_STEPS, online=True, **options)
        written = machine.run("bash", "/source/deploy/install.sh", *OFFLINE_STEPS, **options)
        yield machine, written


def test_it_says_what_it_leaves_out_without_systemd(installed):
    _, written = installed
    assert "left out, because systemd is not running: systemctl enable --now portal-web portal-worker" in written
    assert "portal: done" in written.splitlines()


def test_owner_signs_in_and_the_worker_reads_a_file(installed):
    machine, _ = installed
    machine.run("portal", "create_account", "Cascade Solar LLC", "--owner", OWNER, "--own")
    page = re.search(r"PAGE (\S+)", machine.run("portal", "shell", "-c", SET_PASSWORD))[1]
    with ExitStack() as services:
        for name in ("portal-web.service", "portal-worker.service"):
            services.enter_context(run_unit(machine, name))
        seen = machine.run("/opt/portal/.venv/bin/python", "-c", VISITOR, HOST, OWNER, PASSWORD, page)
        assert "previewed" in seen
        assert "404 200" in seen
        assert machine.run("sh", "-c", CHECK_METRICS) == "", "promtool has something against /metrics"
    check_that_data_is_closed(machine)


def check_that_data_is_closed(machine: Machine) -> None:
    """`nobody` reads nothing, and no file would be open if the directory were."""
    for folder in ("/var/lib/portal", "/etc/portal"):
        command = f"setpriv --reuid=nobody --regid=nogroup --clear-groups find {folder} -mindepth 1 || true"
        answer = machine.run("sh", "-c", command)
        assert "Permission denied" in answer
        assert f"{folder}/" not in answer
        paths = list((machine.root / folder.lstrip("/")).rglob("*"))
        assert paths
        assert [path for path in paths if stat.S_IMODE(path.lstat().st_mode) & stat.S_IRWXO] == []


def test_a_second_run_keeps_settings_and_database(installed):
    machine, _ = installed
    settings = machine.run("cat", "/etc/portal/portal.env")
    written = machine.run("bash", "/source/deploy/install.sh", *OFFLINE_STEPS, HOST=HOST)
    assert "kept: /etc/portal/portal.env" in written
    assert machine.run("cat", "/etc/portal/portal.env") == settings
