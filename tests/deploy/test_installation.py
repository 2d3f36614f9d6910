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
from tests.support.waiting import wait_until

HOST = "portal.localhost"
OWNER, PASSWORD = "dana@example.com", "a portal of my own 2026"
UNITS = ("portal-web.service", "portal-dialer.service", "portal-worker.service")
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
form = {"code": sys.argv[5], "csrfmiddlewaretoken": token("/sign-in/second-factor/")}
assert ask("POST", "/sign-in/second-factor/", data=form).status_code == 302
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
# The owner of an own installation is staff, who need a second factor.
from allauth.mfa.totp.internal.auth import TOTP, generate_totp_secret
from allauth.mfa.recovery_codes.internal.auth import RecoveryCodes
TOTP.activate(user, generate_totp_secret())
print("CODE", RecoveryCodes.activate(user).get_unused_codes()[0])
"""

CHECK_METRICS = """
set -e
/opt/portal/.venv/bin/python -c 'import httpx; print(httpx.get("http://127.0.0.1:8000/metrics").text)' > /tmp/metrics
grep -q portal_canary_age_seconds /tmp/metrics
promtool check metrics < /tmp/metrics
"""

# Stands for systemd, which does not run here: writes down what it is told, and reloads services as their units say.
SYSTEMCTL = """#!/bin/sh
echo "$*" >> /run/told
[ "$*" != "reload portal-web portal-dialer" ] || for config in gunicorn.conf.py gunicorn-dialer.conf.py; do
  kill -HUP "$(pgrep --oldest --full "bin/gunicorn --config deploy/$config")"
done
"""
WHO, WHAT = ("AUTHOR", "COMMITTER"), ("NAME", "EMAIL")
SIGN_IN_PAGE = """
import sys, httpx
headers = {"Host": sys.argv[1], "X-Forwarded-Proto": "https"}
print(httpx.get(f"http://127.0.0.1:{sys.argv[2]}/sign-in/", headers=headers, timeout=60).text)
"""
# Of portal-web and portal-dialer.
PORTS = (8000, 8001)
# Runs inside the machine until it is told to end: asks both web servers all the time, and prints what fails.
WATCHER = """
import sys, time
from pathlib import Path
import httpx
headers = {"Host": sys.argv[1], "X-Forwarded-Proto": "https"}
asked = 0
while not Path("/run/upgraded").exists():
    for port in (8000, 8001):
        answer = httpx.get(f"http://127.0.0.1:{port}/sign-in/", headers=headers, timeout=60)
        asked += 1
        if answer.status_code != 200:
            sys.exit(f"request {asked} to port {port}: {answer.status_code}")
    time.sleep(0.05)
print("asked", asked)
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
    enabled = "systemctl enable --now portal-web portal-dialer portal-worker"
    assert f"left out, because systemd is not running: {enabled}" in written
    assert "portal: done" in written.splitlines()


def test_owner_signs_in_and_the_worker_reads_a_file(installed):
    machine, _ = installed
    machine.run("portal", "create_account", "Cascade Solar LLC", "--owner", OWNER, "--own")
    prepared = machine.run("portal", "shell", "-c", SET_PASSWORD)
    page, code = re.search(r"PAGE (\S+)\s+CODE (\S+)", prepared).groups()
    with ExitStack() as services:
        for name in UNITS:
            services.enter_context(run_unit(machine, name))
        seen = machine.run("/opt/portal/.venv/bin/python", "-c", VISITOR, HOST, OWNER, PASSWORD, page, code)
        assert "previewed" in seen
        assert "404 200" in seen
        assert machine.run("sh", "-c", CHECK_METRICS) == "", "promtool has something against /metrics"
    check_that_data_is_closed(machine)


def test_services_cannot_read_the_history_of_the_code(installed):
    machine, _ = installed
    command = "setpriv --reuid=portal --regid=portal --clear-groups ls /opt/portal/.git || true"
    assert "Permission denied" in machine.run("sh", "-c", command)


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


def test_script_upgrades_while_the_portal_answers(installed):
    machine, _ = installed
    python = "/opt/portal/.venv/bin/python"
    publish = "cd /source && sed -i 's/<body/<body data-release=\"next\"/' templates/base.html && git commit -qam Next"
    machine.run("sh", "-c", publish, **{f"GIT_{who}_{what}": "a@example.com" for who in WHO for what in WHAT})
    machine.run("sh", "-c", f"mkdir -p /run/systemd/system; cat > /usr/local/bin/systemctl <<'END'\n{SYSTEMCTL}END")
    machine.run("chmod", "755", "/usr/local/bin/systemctl")
    options = {"REPOSITORY": "/source", "HOST": HOST}
    with run_unit(machine, "portal-web.service"), run_unit(machine, "portal-dialer.service"):
        watcher = subprocess.Popen([*machine.enter(), python, "-c", WATCHER, HOST], stdout=subprocess.PIPE, text=True)
        machine.run("bash", "/opt/portal/deploy/install.sh", *ONLINE_STEPS, online=True, **options)
        machine.run("bash", "/opt/portal/deploy/install.sh", *OFFLINE_STEPS, **options)
        for port in PORTS:
            wait_until(lambda port=port: 'data-release="next"' in machine.run(python, "-c", SIGN_IN_PAGE, HOST, port))
        machine.run("touch", "/run/upgraded")
        assert "asked" in watcher.communicate(timeout=60)[0]
    assert machine.run("cat", "/run/told").splitlines() == [
        "daemon-reload",
        "enable --now portal-web portal-dialer portal-worker",
        "reload portal-web portal-dialer",
        "restart portal-worker",
    ]
