"""Imports are those that the table in pyproject.toml allows."""

import subprocess
import sys
from pathlib import Path

from importlinter.cli import lint_imports

ROOT = Path(__file__).parents[1]


def test_every_import_is_allowed_by_the_table_and_there_is_no_cycle(capsys, monkeypatch):
    monkeypatch.chdir(ROOT)
    status = lint_imports(config_filename=str(ROOT / "pyproject.toml"), cache_dir=None)
    assert status == 0, capsys.readouterr().out


def test_tasks_load_neither_the_api_nor_the_decoders_of_photos():
    """They would add 14 MB to each worker."""
    script = """
import pkgutil, sys
import django
django.setup()
for app in ("portal.mail", "portal.operations", "portal.webhooks", "enrollment", "reputation"):
    name = f"{app}.tasks"
    module = __import__(name, fromlist=["tasks"])
    for found in pkgutil.iter_modules(getattr(module, "__path__", []), f"{name}."):
        __import__(found.name)
print(*{"ninja", "pydantic", "PIL"} & set(sys.modules))
"""
    done = subprocess.run([sys.executable, "-c", script], cwd=ROOT, capture_output=True, text=True, check=False)
    assert (done.returncode, done.stdout.strip()) == (0, ""), done.stderr
