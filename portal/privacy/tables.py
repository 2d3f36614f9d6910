"""Which tables hold rows of an account or of a person. Read from the models, so that a new table is never forgotten."""

from __future__ import annotations

from collections.abc import Iterator

from django.apps import apps
from django.db import models

from portal.db.encrypted_fields import EncryptedCharField, EncryptedJSONField
from portal.models import Account, User

Table = type[models.Model]

# Columns that prove who somebody is, or with which others could compute such a proof.
SECRET_COLUMNS = frozenset(
    {"password", "secret", "secret_hash", "token_hash", "token", "token_secret", "lease_token", "claim_token"}
    | {"form_token", "session_key", "session_data", "salt"}
)
# Tables that hold nothing but secrets and answers that may contain them.
_SECRET_TABLES: dict[str, frozenset[str]] = {
    "mfa_authenticator": frozenset({"data"}),
    "portal_idempotentresponse": frozenset({"body", "headers"}),
}


def get_tables() -> list[Table]:
    """All tables, each once, with those that Django makes for many-to-many fields."""
    return [
        model for model in apps.get_models(include_auto_created=True) if model._meta.managed and not model._meta.proxy
    ]


def get_account_paths() -> dict[Table, str]:
    """The tables whose rows belong to an account, with the path to it in a query: `account`, `number__account`.

    A row belongs to an account if it names it, or cannot be without a row that belongs to it.
    """
    paths: dict[Table, str] = {}
    for model in get_tables():
        for field in _get_references(model):
            if field.related_model is Account:
                paths[model] = field.name
    while found := dict(_find_dependents(paths)):
        paths.update(found)
    return paths


def get_references_to_people() -> Iterator[tuple[Table, models.ForeignKey]]:
    """The columns that refer to a user."""
    for model in get_tables():
        for field in _get_references(model):
            if field.related_model is User:
                yield model, field


def get_exported_columns(model: Table) -> list[str]:
    """The columns of a table without secrets, by attribute name."""
    hidden = SECRET_COLUMNS | _SECRET_TABLES.get(model._meta.db_table, frozenset())
    return [
        field.attname
        for field in model._meta.concrete_fields
        if field.name not in hidden
        and not getattr(field, "generated", False)
        and not isinstance(field, (EncryptedCharField, EncryptedJSONField, models.BinaryField))
    ]


def get_files(model: Table) -> list[models.FileField]:
    return [field for field in model._meta.concrete_fields if isinstance(field, models.FileField)]


def get_text_columns(model: Table) -> list[models.Field]:
    """The columns in which people may have written something: texts and JSON. Encrypted ones cannot be searched."""
    return [
        field
        for field in model._meta.concrete_fields
        if isinstance(field, (models.CharField, models.TextField, models.JSONField))
        and not field.primary_key
        and not field.choices
        and not getattr(field, "generated", False)
        and not isinstance(field, (EncryptedCharField, EncryptedJSONField))
        and field.name not in SECRET_COLUMNS
    ]


def _get_references(model: Table) -> Iterator[models.ForeignKey]:
    return (field for field in model._meta.concrete_fields if isinstance(field, models.ForeignKey))


def _find_dependents(paths: dict[Table, str]) -> Iterator[tuple[Table, str]]:
    for model in get_tables():
        if model in paths or model is Account:
            continue
        for field in _get_references(model):
            if field.related_model in paths and field.remote_field.on_delete is models.CASCADE:
                yield model, f"{field.name}__{paths[field.related_model]}"
                break


def get_order_of_deletion(tables: list[Table]) -> tuple[list[Table], list[tuple[Table, str]]]:
    """The tables in an order in which rows can be deleted, and columns to empty before.

    A table comes before those that it refers to. Where tables refer to each other, such as campaigns and their default
    number, a column that may be empty is emptied first.
    """
    references = {model: _get_references_within(model, tables) for model in tables}
    order: list[Table] = []
    emptied: list[tuple[Table, str]] = []
    while references:
        free = next((model for model in references if not _is_referred_to(model, references)), None)
        if free is None:
            free, columns = next(_find_cuts(references))
            emptied += columns
        order.append(free)
        del references[free]
    return order, emptied


def _get_references_within(model: Table, tables: list[Table]) -> list[models.ForeignKey]:
    """References to other tables of the list that the database checks. Those to the own table are left out."""
    return [
        field
        for field in _get_references(model)
        if field.related_model in tables and field.related_model is not model and getattr(field, "db_constraint", True)
    ]


def _is_referred_to(model: Table, references: dict[Table, list[models.ForeignKey]]) -> bool:
    return any(field.related_model is model for fields in references.values() for field in fields)


def _find_cuts(references: dict[Table, list[models.ForeignKey]]) -> Iterator[tuple[Table, list[tuple[Table, str]]]]:
    """Tables that only columns refer to which may be empty, with these columns."""
    for model in references:
        fields = [(table, one) for table, own in references.items() for one in own if one.related_model is model]
        if all(field.null for _, field in fields):
            yield model, [(table, field.name) for table, field in fields]
