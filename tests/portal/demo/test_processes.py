"""`make demo` as a process, with its web server and its workers."""

import os
import re
import signal
import socket
import sqlite3
import subprocess
import sys
import time
import urllib.request
from concurrent.futures import ThreadPoolExecutor
from contextlib import closing
from pathlib import Path

import pytest
from django.core.management import CommandError, call_command

from portal.demo.processes import Program, ShutdownRequest
from portal.management.commands.demo import wait_for_web_server
from tests.support.demo import BASE_DIR, READY_TIMEOUT, DemoProcess, free_port, start_demo

# Run these tests one after the other, since each starts a whole portal.
pytestmark = [pytest.mark.xdist_group("demo"), pytest.mark.own_portal]

READY_LINE = "Ctrl-C stops it."


@pytest.fixture
def data_dir(tmp_path) -> Path:
    return tmp_path / "data"


@pytest.fixture
def run_demo(data_dir):
    """Start demos on the same data, and end those that a failed test leaves."""
    demos: list[DemoProcess] = []

    def start(*arguments: str, **options: object) -> DemoProcess:
        demos.append(start_demo(data_dir, *arguments, **options))
        return demos[-1]

    yield start
    for demo in demos:
        if demo.process.poll() is None:
            demo.stop()
        for group in running_groups(demo):
            os.killpg(group, signal.SIGKILL)


def running_groups(demo: DemoProcess) -> list[int]:
    """The process groups of the demo that still have a process."""
    return [group for group in map(int, demo.groups()) if is_alive(group)]


def is_alive(group: int) -> bool:
    try:
        os.killpg(group, 0)
    except ProcessLookupError:
        return False
    return True


def query_database(demo: DemoProcess, query: str) -> list[tuple]:
    with closing(sqlite3.connect(f"file:{demo.data_dir}/portal.sqlite3?mode=ro", uri=True)) as connection:
        return connection.execute(query).fetchall()


def wait_until(condition, *, seconds: float = 30):
    until = time.monotonic() + seconds
    while not (found := condition()):
        assert time.monotonic() < until, "It did not happen in time"
        time.sleep(0.2)
    return found


def test_demo_serves_the_portal_runs_tasks_and_leaves_no_process(run_demo):
    demo = run_demo()
    demo.wait_for(READY_LINE)

    assert f"{demo.url}/" in demo.output
    for email in ("dana@", "vic@", "hana@", "alex@", "riley@", "olga@"):
        assert re.search(rf"{email}\S+\s+demo-portal-2026\s+\w+", demo.output)
    with urllib.request.urlopen(f"{demo.url}/sign-in/") as answer:
        page = answer.read().decode()
    assert "<h1>Sign in</h1>" in page
    style = re.search(r'href="(/static/css/portal\.\w+\.css)"', page)
    with urllib.request.urlopen(demo.url + style[1]) as answer:
        assert answer.headers["Content-Type"].startswith("text/css")

    # Tasks run: the heartbeat is written, and numbers are being verified.
    wait_until(lambda: query_database(demo, "SELECT at FROM portal_heartbeat"))
    wait_until(lambda: query_database(demo, "SELECT 1 FROM reputation_registration WHERE state = 'accepted' LIMIT 1"))
    assert query_database(demo, "PRAGMA journal_mode") == [("wal",)]

    groups = demo.groups()
    assert demo.stop() == 0
    assert len(groups) == 2
    assert running_groups(demo) == []
    assert "killed" not in demo.output
    assert "Stopped." in demo.output


def test_dialer_of_the_readme_runs_unchanged(run_demo, tmp_path):
    demo = run_demo()
    demo.wait_for(READY_LINE)
    readme = (BASE_DIR / "README.md").read_text()
    (tmp_path / "dialer.py").write_text(re.search(r"```python\n(.*?)```", readme, re.DOTALL)[1])
    key = re.search(r"^  (nrp_\w+)$", demo.output, re.MULTILINE)[1]
    dialer = subprocess.run(
        [sys.executable, str(tmp_path / "dialer.py")],
        env={"PATH": os.environ["PATH"], "PORTAL": demo.url, "API_KEY": key},
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
    )
    assert (dialer.returncode, dialer.stderr) == (0, "")
    answers = dialer.stdout.splitlines()
    shown = [
        match[1] for line in answers if (match := re.search(r": show (\+1\d{10}) \(\w+ .*\d+ tagged skipped\)", line))
    ]
    assert len(answers) == len(shown) == 3
    campaign = "(SELECT id FROM reputation_campaign ORDER BY id LIMIT 1)"
    campaign_numbers = {
        e164
        for (e164,) in query_database(demo, f"SELECT e164 FROM reputation_phonenumber WHERE campaign_id = {campaign}")
    }
    assert set(shown) <= campaign_numbers
    assert demo.stop() == 0


def test_a_second_run_keeps_the_data_and_reset_deletes_it(run_demo):
    demo = run_demo()
    demo.wait_for(READY_LINE)
    first = query_database(demo, "SELECT id, joined_at FROM portal_member ORDER BY id")
    assert demo.stop(signal.SIGTERM) == 0

    again = run_demo()
    again.wait_for(READY_LINE)
    assert query_database(again, "SELECT id, joined_at FROM portal_member ORDER BY id") == first
    assert again.stop() == 0

    (again.data_dir / "uploads").mkdir(exist_ok=True)
    (again.data_dir / "uploads" / "numbers.csv").write_text("of the previous run")
    (again.data_dir / "notes.txt").write_text("not created by the demo")
    afresh = run_demo("--reset")
    afresh.wait_for(READY_LINE)
    assert query_database(afresh, "SELECT id, joined_at FROM portal_member ORDER BY id") != first
    assert not (afresh.data_dir / "uploads" / "numbers.csv").exists()
    assert (afresh.data_dir / "notes.txt").exists()
    assert afresh.stop() == 0


def test_a_program_that_dies_is_restarted(run_demo):
    demo = run_demo()
    demo.wait_for(READY_LINE)
    _, worker = map(int, demo.groups())
    os.kill(worker, signal.SIGKILL)
    demo.wait_for("The worker ended unexpectedly (killed by SIGKILL). It starts again in")
    # Its processes end before the restart. Otherwise two clusters would run at the same time.
    wait_until(lambda: not is_alive(worker))
    query = "SELECT at FROM portal_heartbeat"
    before = query_database(demo, query)
    wait_until(lambda: query_database(demo, query) != before, seconds=60)
    assert demo.stop() == 0


def test_a_second_demo_on_the_same_data_names_the_first(run_demo, data_dir):
    demo = run_demo()
    demo.wait_for(READY_LINE)
    users = query_database(demo, "SELECT id FROM portal_user ORDER BY id")
    second = run_demo("--reset")
    assert second.process.wait(READY_TIMEOUT) == 1
    assert f"A demo already runs on {data_dir}: {demo.url}, process {demo.process.pid}." in second.output
    assert "DATA_DIR=" in second.output
    assert "Traceback" not in second.output
    assert query_database(demo, "SELECT id FROM portal_user ORDER BY id") == users
    assert demo.stop() == 0


def test_a_killed_demo_whose_programs_still_run_names_the_command_that_ends_them(run_demo):
    demo = run_demo()
    demo.wait_for(READY_LINE)
    demo.process.kill()
    demo.process.wait()
    second = run_demo()
    assert second.process.wait(READY_TIMEOUT) == 1
    command = re.search(r"End them with: (kill -KILL -- .*)", second.output)[1]
    subprocess.run(command.split(), check=True)
    wait_until(lambda: not running_groups(demo))
    third = run_demo()
    third.wait_for(READY_LINE)
    assert third.stop() == 0


def test_the_web_server_is_ready_when_it_answers_and_not_when_it_accepts_connections():
    web = Program("web server", [sys.executable, "-c", "import signal; signal.pause()"], env={})
    web.start()
    try:
        with socket.create_server(("127.0.0.1", 0)) as server, ThreadPoolExecutor() as threads:
            port = server.getsockname()[1]
            is_ready = threads.submit(wait_for_web_server, port, shutdown=ShutdownRequest(), web=web)
            connection, _ = server.accept()
            with connection:
                assert connection.recv(4096).startswith(b"GET /healthz ")
                assert not is_ready.done()
                connection.sendall(b"HTTP/1.1 200 OK\r\nContent-Length: 0\r\n\r\n")
                assert is_ready.result()
    finally:
        web.kill_group()


def test_a_port_in_use_is_reported_before_anything_starts(run_demo, data_dir):
    with socket.socket() as other:
        other.bind(("127.0.0.1", 0))
        other.listen()
        port = other.getsockname()[1]
        demo = run_demo(port=port)
        assert demo.process.wait(READY_TIMEOUT) == 1
    assert f"Port {port} is in use by another program." in demo.output
    assert f"make demo PORT={port + 1}" in demo.output
    assert "Traceback" not in demo.output
    assert not (data_dir / "portal.sqlite3").exists()


def test_the_command_needs_demo_mode(settings):
    settings.DEMO = False
    with pytest.raises(CommandError, match="DEMO=1"):
        call_command("demo")


def test_reset_does_not_touch_a_postgresql_database(settings, tmp_path, monkeypatch):
    settings.DATA_DIR = tmp_path
    monkeypatch.setitem(settings.DATABASES["default"], "ENGINE", "django.db.backends.postgresql")
    with pytest.raises(CommandError, match="names another database"):
        call_command("demo", port=free_port(), reset=True)
