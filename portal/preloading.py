"""Load what a web process needs from the files of the code when it starts.

An upgrade replaces the files while processes of the former version still answer requests. A process that loaded a view
or a template at its first request would combine two versions.
"""

from __future__ import annotations

from pathlib import Path

from django.template import engines
from django.template.backends.django import DjangoTemplates
from django.urls import get_resolver


def load_views_and_templates() -> None:
    """Import all views, and compile all templates of the portal. Django keeps both for as long as the process runs."""
    get_resolver().url_patterns  # noqa: B018 - imports the views
    for name in list_templates():
        engines["django"].get_template(name)


def list_templates() -> list[str]:
    """The names of the portal's own templates, as a view names them."""
    return sorted(
        path.relative_to(folder).as_posix() for folder in _get_folders() for path in folder.rglob("*") if path.is_file()
    )


def _get_folders() -> list[Path]:
    engine = engines["django"]
    assert isinstance(engine, DjangoTemplates)
    return [Path(folder) for folder in engine.dirs]
