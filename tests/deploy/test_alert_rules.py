"""The alert rules: Prometheus accepts them, and alerts begin and end as they should."""

from __future__ import annotations

import subprocess

from tests.support.processes import ROOT

RULES = ROOT / "deploy" / "alert-rules.yml"


def run_promtool(*arguments: object) -> subprocess.CompletedProcess:
    return subprocess.run(["promtool", *map(str, arguments)], capture_output=True, text=True)


def test_prometheus_accepts_the_rules():
    answer = run_promtool("check", "rules", RULES)
    assert (answer.returncode, "SUCCESS" in answer.stdout) == (0, True), answer.stderr


def test_promtool_notices_a_mistake(tmp_path):
    rules = tmp_path / "alert-rules.yml"
    rules.write_text(RULES.read_text().replace("portal_canary_age_seconds > 180", "portal_canary_age_seconds > > 180"))
    assert run_promtool("check", "rules", rules).returncode != 0


def test_alerts_begin_and_end_as_they_should():
    answer = run_promtool("test", "rules", ROOT / "tests" / "deploy" / "alert-rules-test.yml")
    assert answer.returncode == 0, answer.stdout + answer.stderr
