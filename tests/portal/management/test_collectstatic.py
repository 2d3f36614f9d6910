"""collectstatic while the portal runs: files whose content stays the same are not touched."""

from __future__ import annotations

from pathlib import Path

import pytest
from django.contrib.staticfiles.storage import staticfiles_storage
from django.core.management import call_command


@pytest.fixture
def sources(tmp_path, settings) -> Path:
    """A folder of static files, stored as in production."""
    folder = tmp_path / "sources"
    folder.mkdir()
    (folder / "page.css").write_text("body { color: black }\n" * 50)
    (folder / "page.js").write_text("let a = 1;\n" * 50)
    settings.STATICFILES_DIRS = [folder]
    settings.STATIC_ROOT = tmp_path / "collected"
    backend = {"BACKEND": "whitenoise.storage.CompressedManifestStaticFilesStorage"}
    settings.STORAGES = settings.STORAGES | {"staticfiles": backend}
    return folder


def collect() -> None:
    call_command("collectstatic", interactive=False, verbosity=0)


def list_files(root: Path) -> dict[str, tuple[int, int]]:
    """The inode and the time of change of each file."""
    return {
        str(path.relative_to(root)): (path.stat().st_ino, path.stat().st_mtime_ns)
        for path in root.rglob("*")
        if path.is_file()
    }


def test_files_with_the_same_content_are_not_touched(sources, settings):
    collect()
    before = list_files(settings.STATIC_ROOT)
    assert any(name.startswith("page.") and name.endswith(".css.gz") for name in before)
    collect()
    assert list_files(settings.STATIC_ROOT) == before


def test_a_changed_file_gets_a_new_name_and_the_former_one_stays(sources, settings):
    collect()
    before = list_files(settings.STATIC_ROOT)
    (sources / "page.css").write_text("body { color: white }\n" * 50)
    collect()
    after = list_files(settings.STATIC_ROOT)
    hashed = {name for name in before if name.startswith("page.") and name not in ("page.css", "page.css.gz")}
    assert {name: after[name] for name in hashed} == {name: before[name] for name in hashed}
    assert len([name for name in after.keys() - before.keys() if name.endswith(".css")]) == 1
    assert after["staticfiles.json"] != before["staticfiles.json"]


def test_nothing_is_left_beside_the_files(sources, settings, tmp_path):
    collect()
    assert sorted(path.name for path in tmp_path.iterdir()) == ["collected", "sources"]
    assert (settings.STATIC_ROOT.stat().st_mode & 0o777) == settings.FILE_UPLOAD_DIRECTORY_PERMISSIONS


def test_the_process_itself_knows_the_new_names(sources, settings):
    collect()
    before = staticfiles_storage.url("page.css")
    (sources / "page.css").write_text("body { color: white }\n" * 50)
    collect()
    assert staticfiles_storage.url("page.css") != before
