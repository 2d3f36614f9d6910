"""The files of this version, with changes that a later version could have."""

from __future__ import annotations

import shutil
from pathlib import Path

from tests.support.processes import ROOT

APPS = ("portal", "enrollment", "reputation")
FOLDERS = (*APPS, "templates", "static", "deploy", "tests")
FILES = ("manage.py", "pyproject.toml")


def copy_this_version(folder: Path) -> Path:
    for name in FOLDERS:
        shutil.copytree(ROOT / name, folder / name, ignore=shutil.ignore_patterns("__pycache__"))
    for name in FILES:
        shutil.copy2(ROOT / name, folder / name)
    return folder


def get_sign(version: str) -> str:
    """What the pages of this version contain."""
    return f"<!-- version {version} -->"


def sign_pages(folder: Path, version: str) -> Path:
    """Let all pages say which version made them."""
    with (folder / "templates" / "base.html").open("a") as base:
        base.write(f"{get_sign(version)}\n")
    return folder


def change_every_file(folder: Path, version: str) -> Path:
    """Let no module and no template of this version load in a process that runs a former one."""
    library = f"only_in_{version}"
    for module in (path for app in APPS for path in (folder / app).rglob("*.py") if "migrations" not in path.parts):
        with module.open("a") as file:
            file.write(f"\n\nfrom portal import {library.upper()}\n")
    package = folder / "portal" / "__init__.py"
    package.write_text(package.read_text().rpartition("from portal")[0] + f"{library.upper()} = True\n")
    (folder / "portal" / "templatetags" / f"{library}.py").write_text(
        "from django import template\n\nregister = template.Library()\n"
    )
    for template in (path for path in (folder / "templates").rglob("*") if path.is_file()):
        with template.open("a") as file:
            file.write(f"{{% load {library} %}}")
    return folder


def add_harmful_migration(folder: Path) -> Path:
    """Rename a column that the former version reads for each request."""
    names = sorted(path.stem for path in (folder / "portal" / "migrations").glob("[0-9]*.py"))
    (folder / "portal" / "migrations" / "9999_harmful.py").write_text(
        "from django.db import migrations\n\n\n"
        "class Migration(migrations.Migration):\n"
        f'    dependencies = [("portal", "{names[-1]}")]\n'
        '    operations = [migrations.RunSQL("ALTER TABLE portal_account RENAME COLUMN name TO title")]\n'
    )
    return folder


def leave_out_preloading(folder: Path) -> Path:
    with (folder / "portal" / "preloading.py").open("a") as file:
        file.write("\n\ndef load_code() -> None:\n    pass\n")
    return folder
