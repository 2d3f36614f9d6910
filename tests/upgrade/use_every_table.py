"""Insert, select, update and delete a row of every table, with the models of the code on PYTHONPATH.

    python use_every_table.py FOLDER     the portal must be imported from this folder

A script, because the previous release runs it in a process of its own. Rows get values for required columns only, as
an INSERT of that release names all of its own columns. Prints a JSON object: the tables, and the error by table.
"""

from __future__ import annotations

import json
import sys
import uuid
from datetime import timedelta
from itertools import count
from pathlib import Path
from typing import Any

import django
from django.apps import apps
from django.db import DatabaseError, models, transaction
from django.utils import timezone

# Tables whose rows no release changes: the database refuses it (portal/audit/protection.py).
APPEND_ONLY = {"portal_auditevent", "portal_auditbatch"}

_counter = count(1)


def get_models() -> list[type[models.Model]]:
    return [
        model
        for model in apps.get_models(include_auto_created=True)
        if model._meta.managed and not model._meta.proxy and not model._meta.abstract
    ]


def create_row(model: type[models.Model], path: tuple[type[models.Model], ...] = ()) -> models.Model:
    """A new row, with new rows for the foreign keys it requires."""
    values = {
        field.name: make_value(field, (*path, model)) for field in model._meta.concrete_fields if needs_value(field)
    }
    return model._base_manager.create(**values)


def needs_value(field: models.Field[Any, Any]) -> bool:
    is_filled = isinstance(field, models.AutoField) or getattr(field, "generated", False) or field.has_default()
    return not is_filled and not field.null


def make_value(field: models.Field[Any, Any], path: tuple[type[models.Model], ...]) -> object:
    if isinstance(field, models.ForeignKey):
        assert field.related_model not in path, f"{field} requires a row of its own table"
        return create_row(field.related_model, path)
    if field.choices:
        return next(iter(field.flatchoices))[0]
    if isinstance(field, models.FileField):
        return ""
    number = next(_counter)
    samples = {
        models.DateTimeField: timezone.now,
        models.DateField: lambda: timezone.now().date() + timedelta(days=number),
        models.UUIDField: uuid.uuid4,
        models.BooleanField: lambda: False,
        models.JSONField: dict,
        models.IntegerField: lambda: number,
        models.FloatField: lambda: 0.5,
        models.BinaryField: lambda: b"x",
        models.GenericIPAddressField: lambda: "192.0.2.1",
        models.CharField: lambda: f"{number:x}"[: field.max_length],
        models.TextField: lambda: f"{number:x}",
    }
    return next(make for kind, make in samples.items() if isinstance(field, kind))()


def use_table(model: type[models.Model]) -> None:
    row = create_row(model)
    table = model._base_manager.filter(pk=row.pk)
    columns = [field for field in model._meta.concrete_fields if not field.primary_key and not is_generated(field)]
    assert list(table.values_list()), "the row was not found"
    found = table.get()
    if model._meta.db_table in APPEND_ONLY:
        return
    table.update(**{field.attname: getattr(found, field.attname) for field in columns})
    if columns:
        found.save(force_update=True)
    table.delete()


def is_generated(field: models.Field[Any, Any]) -> bool:
    return bool(getattr(field, "generated", False))


def find_errors() -> dict[str, str]:
    errors = {}
    for model in get_models():
        try:
            with transaction.atomic():
                use_table(model)
                transaction.set_rollback(True)
        except (DatabaseError, AssertionError) as error:
            errors[model._meta.db_table] = f"{type(error).__name__}: {error}"
    return errors


def main() -> None:
    django.setup()
    import portal

    folder = Path(sys.argv[1]).resolve()
    assert Path(portal.__file__).resolve().is_relative_to(folder), f"portal is {portal.__file__}, not in {folder}"
    tables = sorted(model._meta.db_table for model in get_models())
    sys.stdout.write(json.dumps({"tables": tables, "errors": find_errors()}))


if __name__ == "__main__":
    main()
