"""An upgrade under load, as docs/production.md says: no request fails, and no accepted work is lost."""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path

import httpx
import pytest

from tests.support.databases import empty_database
from tests.support.waiting import wait_until
from tests.upgrade import versions
from tests.upgrade.load import Load, under_load
from tests.upgrade.release import extract_previous_release
from tests.upgrade.site import SECONDS, Site

pytestmark = pytest.mark.xdist_group("running upgrade")

FIND_MISSING = """
import json, sys, django
django.setup()
from reputation.models import PhoneNumber
wanted = set(json.load(open(sys.argv[1])))
print(len(wanted - set(PhoneNumber.objects.values_list("e164", flat=True))))
"""


@pytest.fixture(scope="module")
def site(tmp_path_factory) -> Iterator[Site]:
    """The previous release, which runs in a folder of its own on a database that it migrated."""
    code = extract_previous_release(tmp_path_factory.mktemp("code"))
    folder = tmp_path_factory.mktemp("site")
    with empty_database(folder) as address:
        running = Site(folder, code, address)
        running.migrate()
        try:
            yield running
        finally:
            running.stop()


@pytest.fixture(scope="module")
def seeded(site) -> dict:
    return json.loads(site.run(Path(__file__).with_name("seed.py")))


def upgrade(site: Site, load: Load, version: Path, sign: str) -> None:
    """The steps of docs/production.md. Requests are answered after each step, and the workers do their part.

    Workers of a version that does not load all code at their start are stopped meanwhile.
    """
    load.wait_for_rounds()
    if not (has_workers := site.loads_code_at_start()):
        site.stop_workers()
    site.replace_files(version)
    load.wait_for_answers()
    site.migrate()
    # The former version, on the new database, with the new files.
    if has_workers:
        load.wait_for_rounds()
    else:
        load.wait_for_answers()
    site.reload_web(sign)
    load.wait_for_answers()
    site.restart_workers()
    load.wait_for_rounds()


def check_nothing_lost(site: Site, load: Load) -> None:
    assert not load.failures, "\n".join(load.failures)
    accepted = site.folder / "accepted.json"
    accepted.write_text(json.dumps(load.numbers))
    assert site.run("-c", FIND_MISSING, accepted).strip() == "0"


def test_no_request_fails_while_the_previous_release_becomes_this_version(site, seeded, tmp_path):
    version = versions.sign_pages(versions.copy_this_version(tmp_path / "this"), "this")
    site.start_web()
    site.start_workers()
    with under_load(site.url, seeded, site.dialer_url) as load:
        upgrade(site, load, version, versions.get_sign("this"))
    check_nothing_lost(site, load)


def test_nothing_fails_while_this_version_becomes_one_with_other_files(site, seeded, tmp_path):
    """No process of this version can load a file of the next one. Neither the web nor the workers need to."""
    version = versions.sign_pages(versions.copy_this_version(tmp_path / "next"), "next")
    versions.change_every_file(version, "next")
    with under_load(site.url, seeded, site.dialer_url) as load:
        upgrade(site, load, version, versions.get_sign("next"))
    check_nothing_lost(site, load)


def test_requests_fail_after_a_migration_that_renames_a_column(site, seeded, tmp_path):
    version = versions.add_harmful_migration(versions.copy_this_version(tmp_path / "harmful"))
    with under_load(site.url, seeded) as load:
        load.wait_for_rounds("pages", "api")
        site.replace_files(version)
        site.migrate()
        wait_until(lambda: load.failures, seconds=SECONDS)


def test_requests_fail_if_a_process_loads_its_code_when_it_needs_it(site, seeded, tmp_path):
    """The proof that the tests above would notice."""
    slow = versions.leave_out_preloading(versions.copy_this_version(tmp_path / "slow"))
    version = versions.change_every_file(versions.copy_this_version(tmp_path / "next"), "next")
    other = Site(site.folder, slow, site.environment["DATABASE_URL"])
    other.start_web()
    try:
        wait_until(lambda: httpx.get(f"{other.url}/healthz", timeout=SECONDS).status_code == 200, seconds=SECONDS)
        other.replace_files(version)
        assert httpx.get(f"{other.url}/sign-in/", timeout=SECONDS).status_code == 500
    finally:
        other.stop()
