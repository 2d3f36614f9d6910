"""Ask the database of vulnerabilities (OSV) about all locked requirements, with pip-audit.

    python .ci/audit.py [--osv-url URL] requirements.txt ...

Exits with 0 if it knows no vulnerability, 1 if it knows some, and 2 if the requirements could not be audited: then
nothing is known, which is not the same as no vulnerability.
"""

from __future__ import annotations

import argparse
import json
import subprocess
import sys
from urllib.parse import urlsplit

OSV_URL = "https://api.osv.dev/v1/query"
CLEAN, VULNERABLE, NOT_AUDITED = range(3)
# The last lines of a traceback that pip-audit ends with if it cannot reach the database.
UNREACHABLE = (
    "ConnectionError",
    "ConnectTimeout",
    "ReadTimeout",
    "ProxyError",
    "SSLError",
    "HTTPError",
    "ServiceError",
)


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--osv-url", default=OSV_URL)
    parser.add_argument("requirements", nargs="+")
    arguments = parser.parse_args()
    codes = {audit(path, arguments.osv_url) for path in arguments.requirements}
    return VULNERABLE if VULNERABLE in codes else max(codes)


def audit(path: str, url: str) -> int:
    """Audit one file, say what was found, and return the exit code."""
    command = ["-m", "pip_audit", "--disable-pip", "--require-hashes", "--progress-spinner", "off", "--format", "json"]
    service = ["--vulnerability-service", "osv", "--osv-url", url]
    result = subprocess.run(
        [sys.executable, *command, *service, "--requirement", path], capture_output=True, text=True, check=False
    )
    try:
        packages = json.loads(result.stdout)["dependencies"]
    except (json.JSONDecodeError, KeyError):
        return _report_failure(path, url, result.stderr)
    skipped = [package for package in packages if "skip_reason" in package]
    vulnerable = [package for package in packages if package.get("vulns")]
    for package in vulnerable:
        for vulnerability in package["vulns"]:
            fixed = ", ".join(vulnerability["fix_versions"]) or "no version"
            _say(f"{path}: {package['name']} {package['version']}: {vulnerability['id']}, fixed in {fixed}")
    for package in skipped:
        _say(f"{path}: {package['name']} was not audited: {package['skip_reason']}")
    if vulnerable:
        return VULNERABLE
    if skipped or not packages:
        _say(f"{path}: NOT AUDITED in part or whole. Nothing is known about these packages.")
        return NOT_AUDITED
    _say(f"{path}: no known vulnerability in {len(packages)} packages.")
    return CLEAN


def _report_failure(path: str, url: str, errors: str) -> int:
    reason = (errors.strip().splitlines() or ["pip-audit said nothing"])[-1]
    if any(name in reason for name in UNREACHABLE):
        _say(f"{path}: NOT AUDITED. The database of vulnerabilities at {urlsplit(url).netloc} cannot be reached.")
        _say("Nothing is known about these packages. Try again where the database can be reached.")
    else:
        _say(f"{path}: NOT AUDITED. pip-audit failed.")
    _say(f"  {reason[:300]}")
    return NOT_AUDITED


def _say(line: str) -> None:
    sys.stdout.write(f"{line}\n")


if __name__ == "__main__":
    sys.exit(main())
