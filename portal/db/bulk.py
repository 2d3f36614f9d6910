"""Write many rows with one statement: INSERT ... SELECT from rows that are in the database, and INSERT or UPDATE of
rows that are bound as one JSON parameter. The ORM has no INSERT ... SELECT, and binds each value separately."""

import json
from collections.abc import Mapping, Sequence
from typing import Any

from django.core.exceptions import EmptyResultSet
from django.db import connections, models, router
from django.db.backends.base.base import BaseDatabaseWrapper
from django.db.models import F, QuerySet, Value
from django.db.models.expressions import Combinable
from django.db.models.functions import Cast

# The name of a column, or an expression.
Source = str | Combinable


def insert_from(model: type[models.Model], rows: QuerySet, *, ignore_conflicts: bool = False, **columns: Source) -> int:
    """Insert a row of `model` for each of `rows`, and return how many were inserted.

    `columns` maps each column, by attribute name (`account_id`), to the column or expression of `rows` that fills it.
    Other columns must have a database default or be nullable. With `ignore_conflicts`, rows that would break a unique
    constraint are skipped. Rows without an order are inserted by their key, so that the new keys follow them.
    """
    connection = connections[router.db_for_write(model)]
    try:
        statement, params = _compile_insert(model, rows, columns, ignore_conflicts=ignore_conflicts)
    except EmptyResultSet:  # the condition excludes every row
        return 0
    with connection.cursor() as cursor:
        cursor.execute(statement, params)
        return cursor.rowcount


def insert_from_returning(
    model: type[models.Model], rows: QuerySet, *, returning: Sequence[str], **columns: Source
) -> list[tuple[Any, ...]]:
    """Insert as `insert_from` does, and return these columns of the new rows, as the database has them and in no order.

    `returning` are attribute names. Fields that convert what the database has (times, JSON) are not supported.
    """
    connection = connections[router.db_for_write(model)]
    try:
        statement, params = _compile_insert(model, rows, columns, ignore_conflicts=False)
    except EmptyResultSet:
        return []
    concrete = {field.attname: field for field in model._meta.concrete_fields}
    names = ", ".join(_quote_column(concrete[name], connection) for name in returning)
    with connection.cursor() as cursor:
        cursor.execute(f"{statement} RETURNING {names}", params)
        return cursor.fetchall()


def _compile_insert(
    model: type[models.Model], rows: QuerySet, columns: Mapping[str, Source], *, ignore_conflicts: bool
) -> tuple[str, Sequence[Any]]:
    """The statement and its parameters. Raises EmptyResultSet if the condition of `rows` excludes every row."""
    if not rows.ordered:
        rows = rows.order_by("pk")
    using = router.db_for_write(model)
    connection = connections[using]
    concrete = {field.attname: field for field in model._meta.concrete_fields}
    fields = {name: concrete[name] for name in columns}
    selected = {
        f"into_{name}": _cast_constant(expression, fields[name], connection.vendor)
        for name, expression in columns.items()
    }
    query = rows.using(using).annotate(**selected).values_list(*selected).query
    select, params = query.get_compiler(using).as_sql()
    quote = connection.ops.quote_name
    into = ", ".join(_quote_column(field, connection) for field in fields.values())
    tail = " ON CONFLICT DO NOTHING" if ignore_conflicts else ""
    if ignore_conflicts and connection.vendor == "sqlite" and " WHERE " not in select:
        select += " WHERE true"  # without WHERE, SQLite parses ON CONFLICT as the ON of a join
    return f"INSERT INTO {quote(model._meta.db_table)} ({into}) {select}{tail}", params


def _quote_column(field: models.Field, connection: BaseDatabaseWrapper) -> str:
    assert field.column is not None  # all concrete fields have a column
    return connection.ops.quote_name(field.column)


def _cast_constant(expression: Source, field: models.Field, vendor: str) -> Combinable:
    """Cast constants to the type of the column: a parameter in a SELECT of PostgreSQL has no type. SQLite needs no
    cast, and a cast would drop the microseconds of a time."""
    if isinstance(expression, str):
        return F(expression)
    if isinstance(expression, Value):
        target = field.target_field if isinstance(field, models.ForeignKey) else field
        output = models.BigIntegerField() if isinstance(target, models.AutoField) else target.clone()
        value = Value(expression.value, output_field=output)
        return value if vendor == "sqlite" else Cast(value, output)
    return expression


def insert_rows(model: type[models.Model], rows: Sequence[Mapping[str, Any]], *, ignore_conflicts: bool = False) -> int:
    """Insert a row of `model` for each of `rows`, and return how many were inserted.

    Rows map attribute names (`account_id`) to values, and all have the same keys. Other columns get the default of
    their field. With `ignore_conflicts`, rows that would break a unique constraint are skipped. One statement: pass
    thousands of rows, not millions.
    """
    if not rows:
        return 0
    writable = (field for field in model._meta.concrete_fields if not field.generated)
    fields = [field for field in writable if not field.primary_key or field.attname in rows[0]]
    defaults = {field.attname: field.get_default() for field in fields if field.attname not in rows[0]}
    source, params = _rows_source(model, fields, rows, defaults)
    connection = connections[router.db_for_write(model)]
    columns = ", ".join(_quote_column(field, connection) for field in fields)
    # Without WHERE, SQLite parses ON CONFLICT as the ON of a join.
    tail = " WHERE true ON CONFLICT DO NOTHING" if ignore_conflicts else ""
    with connection.cursor() as cursor:
        table = connection.ops.quote_name(model._meta.db_table)
        cursor.execute(f"INSERT INTO {table} ({columns}) SELECT {columns} FROM {source} AS given{tail}", params)
        return cursor.rowcount


def update_rows(model: type[models.Model], rows: Sequence[Mapping[str, Any]]) -> int:
    """Update rows of `model`, each with its own values, and return how many. All `rows` have `id` and the same keys."""
    if not rows:
        return 0
    fields = [model._meta.pk, *(field for field in model._meta.concrete_fields if field.attname in rows[0])]
    fields = list(dict.fromkeys(fields))
    source, params = _rows_source(model, fields, rows, {})
    connection = connections[router.db_for_write(model)]
    key, *names = [_quote_column(field, connection) for field in fields]
    sets = ", ".join(f"{name} = given.{name}" for name in names)
    table = connection.ops.quote_name(model._meta.db_table)
    with connection.cursor() as cursor:
        cursor.execute(f"UPDATE {table} SET {sets} FROM {source} AS given WHERE {table}.{key} = given.{key}", params)
        return cursor.rowcount


def _rows_source(
    model: type[models.Model],
    fields: Sequence[models.Field],
    rows: Sequence[Mapping[str, Any]],
    defaults: Mapping[str, Any],
) -> tuple[str, list[Any]]:
    """Return an SQL source of the rows, and its parameters. `defaults` has the values of columns that the rows lack."""
    connection = connections[router.db_for_write(model)]
    if connection.vendor == "sqlite":
        return _rows_source_of_sqlite(fields, rows, defaults, connection)
    complete = ({**defaults, **row} for row in rows)
    records = [
        {field.column: _adapt_value(field, row[field.attname], connection) for field in fields} for row in complete
    ]
    table = connection.ops.quote_name(model._meta.db_table)
    return f"json_populate_recordset(NULL::{table}, %s::json)", [json.dumps(records, default=str)]


def _rows_source_of_sqlite(
    fields: Sequence[models.Field],
    rows: Sequence[Mapping[str, Any]],
    defaults: Mapping[str, Any],
    connection: BaseDatabaseWrapper,
) -> tuple[str, list[Any]]:
    """Bind a column that is the same in all rows once, and the others as one JSON text: reading JSON takes longer."""
    columns: list[str] = []
    varying: list[list[Any]] = []
    params: list[Any] = []
    for field in fields:
        name = field.attname
        given = [defaults[name]] * len(rows) if name in defaults else [row[name] for row in rows]
        values = _adapt_column(field, given, connection)
        if not isinstance(values[0], (dict, list)) and values.count(values[0]) == len(values):
            expression = "%s"
            params.append(values[0])
        else:
            expression = f"json_extract(value, '$[{len(varying)}]')"
            varying.append(values)
        columns.append(f"{expression} AS {_quote_column(field, connection)}")
    places = json.dumps(list(zip(*varying, strict=True)) if varying else [[]] * len(rows), default=str)
    return f"(SELECT {', '.join(columns)} FROM json_each(%s))", [*params, places]


def _adapt_column(field: models.Field, values: list[Any], connection: BaseDatabaseWrapper) -> list[Any]:
    """Return the values of a column as the database takes them.

    Calling the field for each of a million values takes longer than the insert. Values that JSON has (also JSON within
    JSON) are returned unchanged, and equal times are converted once.
    """
    plain = (dict, list, type(None)) if isinstance(field, models.JSONField) else (str, int, type(None))
    if all(issubclass(kind, plain) for kind in {*map(type, values)}):
        return values
    if isinstance(field, models.DateTimeField):
        adapted = {value: field.get_db_prep_save(value, connection) for value in {*values}}
        return [adapted[value] for value in values]
    return [None if value is None else field.get_db_prep_save(value, connection) for value in values]


def _adapt_value(field: models.Field, value: object, connection: BaseDatabaseWrapper) -> object:
    """Return JSON unchanged, and other values as the database takes them."""
    return value if isinstance(field, models.JSONField) else field.get_db_prep_save(value, connection)
