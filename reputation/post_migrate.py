"""Set-up of the database after each migration: triggers, the search index, engines, desks and schedules."""

from django.apps import apps as current_apps
from django.apps.registry import Apps

from reputation import schedules
from reputation.desks import known_desks
from reputation.models import search_index
from reputation.monitoring import engines
from reputation.numbers import count_triggers


def set_up_database(apps: Apps = current_apps, **kwargs: object) -> None:
    """Receives post_migrate. `apps` is the state after the migrations, which may have been undone.

    A flush, which empties the tables between tests, sends the signal without `apps`.
    """
    installed = {model._meta.label for model in apps.get_models()}
    if "reputation.NumberCount" in installed:
        count_triggers.install_triggers()
        search_index.install_index()
    if "reputation.EngineRole" in installed and not _has_field(apps, "Engine", "provider"):
        engines.sync_engines()
    if "reputation.ShippedDesk" in installed:
        known_desks.create_known_desks()
    if "django_q.Schedule" in installed:
        schedules.sync_schedules()


def _has_field(apps: Apps, model: str, name: str) -> bool:
    """Whether the model has a field that a later migration removes."""
    return any(field.name == name for field in apps.get_model("reputation", model)._meta.get_fields())
