"""`make audit`: what it says, and its exit code, for known vulnerabilities, for none, and without its database."""

import subprocess
import sys

import pytest

from tests.support.processes import ROOT
from tests.support.servers import free_port
from tests.support.vulnerabilities import run_vulnerability_database

HASH = "0" * 64


@pytest.fixture
def requirements(tmp_path):
    path = tmp_path / "requirements.txt"
    path.write_text(f"first==1.0 --hash=sha256:{HASH}\nsecond==2.0 --hash=sha256:{HASH}\n")
    return path


def audit(url: str, *paths) -> tuple[int, str]:
    command = [sys.executable, ROOT / ".ci" / "audit.py", "--osv-url", url, *paths]
    answer = subprocess.run(command, capture_output=True, text=True, timeout=300, check=False)
    return answer.returncode, answer.stdout + answer.stderr


def test_packages_without_known_vulnerabilities_pass(requirements):
    with run_vulnerability_database({"third": "9.0"}) as url:
        code, said = audit(url, requirements)
    assert code == 0, said
    assert "no known vulnerability in 2 packages" in said


def test_a_known_vulnerability_is_named_with_the_version_that_fixes_it(requirements):
    with run_vulnerability_database({"second": "2.1"}) as url:
        code, said = audit(url, requirements)
    assert code == 1, said
    assert "second 2.0: TEST-second, fixed in 2.1" in said
    assert "no known vulnerability" not in said


def test_a_database_that_cannot_be_reached_is_said_plainly(requirements):
    code, said = audit(f"http://127.0.0.1:{free_port()}/v1/query", requirements)
    assert code == 2, said
    assert "NOT AUDITED. The database of vulnerabilities at 127.0.0.1:" in said
    assert "cannot be reached" in said
    assert "Traceback" not in said


def test_a_database_that_fails_is_no_clean_result(requirements):
    with run_vulnerability_database({}, status=500) as url:
        code, said = audit(url, requirements)
    assert code == 2, said
    assert "NOT AUDITED" in said


def test_the_locked_requirements_can_be_read(requirements):
    files = [ROOT / f"requirements{name}.txt" for name in ("", "-redis", "-dev")]
    with run_vulnerability_database({"second": "2.1"}) as url:
        code, said = audit(url, *files)
        assert code == 0, said
        assert audit(url, files[0], requirements)[0] == 1
