import pytest

from tests.portal.backups.portals import FILL, Portal
from tests.support.databases import empty_database


@pytest.fixture(scope="package")
def portal(tmp_path_factory):
    """A portal with data. Tests only read it."""
    folder = tmp_path_factory.mktemp("portal")
    with empty_database(folder) as address:
        portal = Portal(folder, address)
        portal.manage_well("migrate", "--no-input", "-v", "0")
        portal.run(FILL)
        yield portal


@pytest.fixture(scope="package")
def backup(portal, tmp_path_factory):
    """A backup of it."""
    path = tmp_path_factory.mktemp("backups") / "portal.tar.gz"
    portal.manage_well("backup", path)
    return path


@pytest.fixture
def empty_portal(tmp_path):
    """A portal with an empty database and no uploads."""
    folder = tmp_path / "empty"
    folder.mkdir()
    with empty_database(folder) as address:
        yield Portal(folder, address)
