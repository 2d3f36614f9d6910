"""Load what a process needs from the files of the code when it starts.

An upgrade replaces the files while processes of the former version still answer requests and do tasks. A process that
loaded a module or a template when it first needs it would combine two versions.
"""

from __future__ import annotations

import gc
from importlib import import_module
from pathlib import Path
from pkgutil import iter_modules
from typing import Final

from django.conf import settings
from django.contrib.staticfiles.storage import staticfiles_storage
from django.template import engines
from django.template.backends.django import DjangoTemplates
from django.urls import get_resolver
from django.utils.module_loading import import_string

APPS: Final = ("portal", "enrollment", "reputation")
# Commands and the demo, which are processes of their own, and what needs a package that may be missing.
LEFT_OUT: Final = frozenset(
    {
        "portal.backups",
        "portal.demo",
        "portal.jobs.queues",
        "portal.jobs.supervisor",
        "portal.postgres_move",
        "portal.wsgi",
        "reputation.demo",
    }
)


def load_code() -> None:
    """Import all modules, compile all templates of the portal, and read the list of static files.

    Python and Django keep them for as long as the process runs. The garbage collector leaves them alone from then on.
    Looking at all of them takes 0.1 to 0.2 seconds, in which the process answers nobody. It would also write to each of
    them, and forked processes would share none.
    """
    for app in APPS:
        _load_modules(app)
    import_string(str(settings.Q_CLUSTER["broker_class"]))
    get_resolver().url_patterns  # noqa: B018 - imports the views of other apps
    for name in list_templates():
        engines["django"].get_template(name)
    staticfiles_storage.url  # noqa: B018 - reads the list
    gc.collect()
    gc.freeze()


def _load_modules(package_name: str) -> None:
    package = import_module(package_name)
    for module in iter_modules(package.__path__, f"{package_name}."):
        if module.name in LEFT_OUT or module.name.endswith((".migrations", ".management")):
            continue
        if module.ispkg:
            _load_modules(module.name)
        else:
            import_module(module.name)


def list_templates() -> list[str]:
    """The names of the portal's own templates, as a view names them."""
    return sorted(
        path.relative_to(folder).as_posix() for folder in _get_folders() for path in folder.rglob("*") if path.is_file()
    )


def _get_folders() -> list[Path]:
    engine = engines["django"]
    assert isinstance(engine, DjangoTemplates)
    return [Path(folder) for folder in engine.dirs]
