"""Encrypt stored secrets with the first key: those of earlier releases in the clear, and those of former keys."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

from django.apps import apps
from django.db import models, transaction
from django.db.models.functions import Cast

from portal.db.encrypted_fields import EncryptedCharField, EncryptedJSONField
from portal.encryption import PREFIX, CannotDecrypt, decrypt, encrypt, is_current

CHUNK_SIZE = 200
_EMPTY = (None, "", "{}", "null", "[]")
# Objects in JSON of other packages, whose encrypted values are beside others: the seeds of second factors.
_OBJECTS_WITH_SECRETS = (("mfa", "Authenticator", "data"),)


@dataclass
class Reencryption:
    """How many rows were encrypted anew, and how many could not be, because no key decrypts them."""

    encrypted: int = 0
    unreadable: int = 0


def reencrypt_all() -> Reencryption:
    """Encrypt what is not encrypted with the first key. Each row is locked, and commits alone."""
    result = Reencryption()
    for model, names in _get_encrypted_fields():
        for key, values in _read_stored(model, names):
            stale = [value for value in values if value not in _EMPTY and not is_current(value)]
            if not stale:
                continue
            if not all(map(_is_readable, stale)):
                result.unreadable += 1
            elif _reencrypt_row(model, names, key):
                result.encrypted += 1
    for app, name, field in _OBJECTS_WITH_SECRETS:
        _reencrypt_objects(apps.get_model(app, name), field, result)
    return result


def _get_encrypted_fields() -> Iterator[tuple[type[models.Model], list[str]]]:
    for model in apps.get_models():
        fields = model._meta.concrete_fields
        names = [field.name for field in fields if isinstance(field, EncryptedCharField | EncryptedJSONField)]
        if names:
            yield model, names


def _read_stored(model: type[models.Model], names: list[str]) -> Iterator[tuple[Any, list[str | None]]]:
    """Each row's key, and its values as they are stored, a JSON string without its quotation marks."""
    stored = {f"stored_{name}": Cast(name, models.TextField()) for name in names}
    rows = model._base_manager.annotate(**stored).order_by("pk").values_list("pk", *stored)
    last = None
    while chunk := list((rows if last is None else rows.filter(pk__gt=last))[:CHUNK_SIZE]):
        for key, *values in chunk:
            yield key, [value and value.strip('"') for value in values]
        last = chunk[-1][0]


def _reencrypt_objects(model: type[models.Model], field: str, result: Reencryption) -> None:
    last = 0
    while chunk := list(model._base_manager.filter(pk__gt=last).order_by("pk").values_list("pk", field)[:CHUNK_SIZE]):
        for key, values in chunk:
            stale = _get_stale(values)
            if not stale:
                continue
            if not all(map(_is_readable, stale.values())):
                result.unreadable += 1
            elif _reencrypt_object(model, field, key):
                result.encrypted += 1
        last = chunk[-1][0]


def _get_stale(values: dict[str, Any]) -> dict[str, str]:
    """Those of the object's values that are encrypted, and not with the first key."""
    encrypted = {name: value for name, value in values.items() if isinstance(value, str) and value.startswith(PREFIX)}
    return {name: value for name, value in encrypted.items() if not is_current(value)}


def _reencrypt_object(model: type[models.Model], field: str, key: Any) -> bool:
    """Encrypt the values that the object has by now. False if the row was deleted."""
    with transaction.atomic():
        row = model._base_manager.select_for_update().filter(pk=key).first()
        if row is None:
            return False
        values = getattr(row, field)
        setattr(row, field, values | {name: encrypt(decrypt(value)) for name, value in _get_stale(values).items()})
        row.save(update_fields=[field])
    return True


def _is_readable(stored: str) -> bool:
    try:
        decrypt(stored)
    except CannotDecrypt:
        return False
    return True


def _reencrypt_row(model: type[models.Model], names: list[str], key: Any) -> bool:
    """Write the values that the row has by now. False if it was deleted."""
    with transaction.atomic():
        row = model._base_manager.select_for_update().filter(pk=key).only(*names).first()
        if row is None:
            return False
        row.save(update_fields=names)
    return True
