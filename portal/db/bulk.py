"""Writing many rows with one statement, which the ORM does not do: INSERT ... SELECT from rows the database already
holds, and INSERT and UPDATE of rows that are handed over as one parameter (the ORM's batches grow with the rows)."""

import json
from collections.abc import Mapping, Sequence
from typing import Any

from django.core.exceptions import EmptyResultSet
from django.db import connections, models, router
from django.db.models import Expression, F, QuerySet, Value
from django.db.models.functions import Cast


def insert_from(
    model: type[models.Model], rows: QuerySet, *, ignore_conflicts: bool = False, **columns: str | Expression
) -> int:
    """Inserts a row of `model` for each of `rows`, and returns how many were inserted.

    `columns` says for each column (by attribute name, so `account_id`) which column or expression of `rows` fills it;
    columns that are not named must have a default in the database or be nullable. With `ignore_conflicts`, rows that
    would break a unique constraint are left out.
    """
    using = router.db_for_write(model)
    connection = connections[using]
    fields = {
        name: model._meta.get_field(name.removesuffix("_id") if _is_relation(model, name) else name) for name in columns
    }
    selected = {
        f"into_{name}": _cast_constant(expression, fields[name], connection.vendor)
        for name, expression in columns.items()
    }
    query = rows.using(using).annotate(**selected).values_list(*selected).query
    try:
        select, params = query.get_compiler(using).as_sql()
    except EmptyResultSet:  # the ORM knows without asking that no row can match
        return 0
    quote = connection.ops.quote_name
    into = ", ".join(quote(field.column) for field in fields.values())
    tail = " ON CONFLICT DO NOTHING" if ignore_conflicts else ""
    if ignore_conflicts and connection.vendor == "sqlite" and " WHERE " not in select:
        select += " WHERE true"  # without it SQLite reads ON CONFLICT as the ON of a join
    with connection.cursor() as cursor:
        cursor.execute(f"INSERT INTO {quote(model._meta.db_table)} ({into}) {select}{tail}", params)
        return cursor.rowcount


def _is_relation(model: type[models.Model], name: str) -> bool:
    return name.endswith("_id") and any(
        field.attname == name and field.is_relation for field in model._meta.concrete_fields
    )


def _cast_constant(expression: str | Expression, field: models.Field, vendor: str) -> Expression:
    """A bare parameter has no type in a PostgreSQL SELECT: constants are cast to the column's. SQLite needs none, and
    a moment would lose its microseconds by it."""
    if isinstance(expression, str):
        return F(expression)
    if isinstance(expression, Value):
        target = field.target_field if field.is_relation else field
        output = models.BigIntegerField() if isinstance(target, models.AutoField) else target.clone()
        value = Value(expression.value, output_field=output)
        return value if vendor == "sqlite" else Cast(value, output)
    return expression


def insert_rows(model: type[models.Model], rows: Sequence[Mapping[str, Any]], *, ignore_conflicts: bool = False) -> int:
    """Inserts a row of `model` for each of `rows` (value by attribute name, so `account_id`), and returns how many.

    All rows name the same columns; those that are not named get the field's default. With `ignore_conflicts`, rows
    that would break a unique constraint are left out. One statement; keep `rows` to some thousands.
    """
    if not rows:
        return 0
    own = (field for field in model._meta.concrete_fields if not field.generated)
    fields = [field for field in own if not field.primary_key or field.attname in rows[0]]
    defaults = {field.attname: field.get_default() for field in fields if field.attname not in rows[0]}
    source, params = _rows_source(model, fields, rows, defaults)
    connection = connections[router.db_for_write(model)]
    columns = ", ".join(connection.ops.quote_name(field.column) for field in fields)
    # Without WHERE, SQLite reads ON CONFLICT as the ON of a join.
    tail = " WHERE true ON CONFLICT DO NOTHING" if ignore_conflicts else ""
    with connection.cursor() as cursor:
        table = connection.ops.quote_name(model._meta.db_table)
        cursor.execute(f"INSERT INTO {table} ({columns}) SELECT {columns} FROM {source} AS given{tail}", params)
        return cursor.rowcount


def update_rows(model: type[models.Model], rows: Sequence[Mapping[str, Any]]) -> int:
    """Writes to each row of `model` its own values: `rows` hold `id` and the same attributes each. One statement."""
    if not rows:
        return 0
    fields = [model._meta.pk, *(field for field in model._meta.concrete_fields if field.attname in rows[0])]
    fields = list(dict.fromkeys(fields))
    source, params = _rows_source(model, fields, rows, {})
    connection = connections[router.db_for_write(model)]
    quote = connection.ops.quote_name
    sets = ", ".join(f"{quote(field.column)} = given.{quote(field.column)}" for field in fields[1:])
    table, key = quote(model._meta.db_table), quote(fields[0].column)
    with connection.cursor() as cursor:
        cursor.execute(f"UPDATE {table} SET {sets} FROM {source} AS given WHERE {table}.{key} = given.{key}", params)
        return cursor.rowcount


def _rows_source(
    model: type[models.Model],
    fields: Sequence[models.Field],
    rows: Sequence[Mapping[str, Any]],
    defaults: Mapping[str, Any],
) -> tuple[str, list[str]]:
    """The rows as something to SELECT from, and its parameter: all of them as one JSON text. `defaults` are what all of
    them have in columns that they do not name."""
    connection = connections[router.db_for_write(model)]
    quote = connection.ops.quote_name
    if connection.vendor == "sqlite":
        adapted = (
            _adapt_column(field, [defaults[name]] * len(rows), connection)
            if (name := field.attname) in defaults
            else _adapt_column(field, [row[name] for row in rows], connection)
            for field in fields
        )
        columns = ", ".join(
            f"json_extract(value, '$[{place}]') AS {quote(field.column)}" for place, field in enumerate(fields)
        )
        return f"(SELECT {columns} FROM json_each(%s))", [json.dumps(list(zip(*adapted, strict=True)), default=str)]
    whole = ({**defaults, **row} for row in rows)
    named = [{field.column: _adapt_value(field, row[field.attname], connection) for field in fields} for row in whole]
    table = quote(model._meta.db_table)
    return f"json_populate_recordset(NULL::{table}, %s::json)", [json.dumps(named, default=str)]


def _adapt_column(field: models.Field, values: list[Any], connection: Any) -> list[Any]:
    """The values of a column as the database is given them. What it holds anyway stays as it is, JSON within JSON, too,
    and a moment that many rows have is adapted once: asking the field for each of a million takes longer than to insert
    them."""
    as_they_are = (dict, list, type(None)) if isinstance(field, models.JSONField) else (str, int, type(None))
    if all(issubclass(kind, as_they_are) for kind in {*map(type, values)}):
        return values
    if isinstance(field, models.DateTimeField):
        adapted = {value: field.get_db_prep_save(value, connection) for value in {*values}}
        return [adapted[value] for value in values]
    return [None if value is None else field.get_db_prep_save(value, connection) for value in values]


def _adapt_value(field: models.Field, value: object, connection: Any) -> object:
    """JSON goes into JSON as it is, everything else as the database is given it."""
    return value if isinstance(field, models.JSONField) else field.get_db_prep_save(value, connection)
