"""deploy/install.sh performs what docs/production.md says, and the command `portal` reads settings as systemd does."""

from __future__ import annotations

import re
import subprocess
from runpy import run_path

import pytest

from tests.support.processes import ROOT

DOCUMENT = (ROOT / "docs" / "production.md").read_text()
INSTALL = DOCUMENT[DOCUMENT.index("\n## Install\n") : DOCUMENT.index("\n### In containers\n")]
SCRIPT = (ROOT / "deploy" / "install.sh").read_text()
# A person has to fill in the settings.
BY_HAND = {"editor /etc/portal/portal.env"}
portal_command = run_path(str(ROOT / "deploy" / "portal_command.py"))


def steps_of_document() -> dict[str, list[str]]:
    """The commands of each step, which begins with its name in bold."""
    steps = {}
    for name, text in re.findall(r"^\*\*(\w+)\.\*\*(.*?)(?=^\*\*\w+\.\*\*|\Z)", INSTALL, re.DOTALL | re.MULTILINE):
        commands = re.findall(r"^ {4}(\S.*)$", text, re.MULTILINE)
        steps[name] = [command for command in commands if command not in BY_HAND]
    return steps


def lines_of_step(name: str) -> list[str]:
    """The lines of a step of the script, without what surrounds the commands of the document."""
    body = re.search(rf"^step_{name}\(\) {{\n(.*?)^}}", SCRIPT, re.DOTALL | re.MULTILINE)[1]
    return [line.strip().removeprefix("with_systemd ") for line in body.splitlines()]


def test_script_has_the_steps_of_the_document_in_the_same_order():
    assert re.search(r"^STEPS=\((.*)\)", SCRIPT, re.MULTILINE)[1].split() == list(steps_of_document())


@pytest.mark.parametrize("name", steps_of_document())
def test_step_runs_the_commands_of_the_document_in_the_same_order(name):
    commands = steps_of_document()[name]
    assert commands
    wanted = set(commands)
    assert [line for line in dict.fromkeys(lines_of_step(name)) if line in wanted] == commands


def test_debian_has_the_packages():
    installs = [command for command in steps_of_document()["packages"] if command.startswith("apt-get install ")]
    names = [name for command in installs for name in command.removeprefix("apt-get install --yes ").split()]
    assert {"python3-venv", "git", "caddy", "postgresql"} <= set(names)
    for name in names:
        command = ["apt-get", "install", "--simulate", "--yes", name]
        answer = subprocess.run(command, capture_output=True, text=True)
        assert answer.returncode == 0, answer.stderr


def test_script_is_valid_and_refuses_another_database():
    assert subprocess.run(["bash", "-n", ROOT / "deploy" / "install.sh"]).returncode == 0
    answer = subprocess.run(
        ["bash", ROOT / "deploy" / "install.sh", "settings"],
        env={"PATH": "/usr/bin:/bin", "DATABASE": "mysql"},
        capture_output=True,
        text=True,
    )
    assert answer.returncode == 1
    assert "DATABASE is sqlite or postgres, not mysql" in answer.stdout


@pytest.mark.parametrize(
    ("line", "value"),
    [
        ("NAME=Number Reputation <portal@example.com>", "Number Reputation <portal@example.com>"),
        ("NAME='a $b \\c'", "a $b \\c"),
        ('NAME="a \\"b\\" \\$c"', 'a "b" $c'),
        ("NAME=a\\\\b#c", "a\\b#c"),
        ("NAME=a=b", "a=b"),
        ("NAME=", ""),
    ],
)
def test_command_reads_settings_as_systemd_does(line, value):
    assert portal_command["read_settings"](f"# OTHER=1\n; OTHER=2\n\n{line}\n") == {"NAME": value}


def test_command_has_the_user_umask_and_settings_of_the_units():
    for name in ("portal-web.service", "portal-dialer.service", "portal-worker.service"):
        unit = (ROOT / "deploy" / name).read_text()
        for line in (
            f"User={portal_command['USER']}",
            f"WorkingDirectory={portal_command['FOLDER']}",
            f"EnvironmentFile={portal_command['SETTINGS']}",
            f"UMask={portal_command['UMASK']:04o}",
        ):
            assert f"\n{line}\n" in unit


def test_only_commands_that_change_tables_or_the_trail_get_the_address_of_the_owner(tmp_path):
    path = tmp_path / "owner.env"
    get_files = portal_command["get_files"]
    assert get_files(["migrate"], str(path)) == [portal_command["SETTINGS"]]
    path.touch()
    for arguments in (
        ["migrate", "--plan"],
        ["restore", "file"],
        ["erase_person", "a@example.com"],
        ["erase_account", "7"],
    ):
        assert get_files(arguments, str(path)) == [portal_command["SETTINGS"], str(path)]
    for arguments in ([], ["shell"], ["run_workers"], ["backup", "migrate"]):
        assert get_files(arguments, str(path)) == [portal_command["SETTINGS"]]
    for unit in (ROOT / "deploy").glob("*.service"):
        assert "owner.env" not in unit.read_text()
