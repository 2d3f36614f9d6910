"""INSERT ... SELECT, which the ORM does not have: rows made by the database from rows it already holds."""

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
    selected = {f"into_{name}": _typed(expression, fields[name]) for name, expression in columns.items()}
    query = rows.using(using).annotate(**selected).values_list(*selected).query
    select, params = query.get_compiler(using).as_sql()
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


def _typed(expression: str | Expression, field: models.Field) -> Expression:
    """A bare parameter has no type in a PostgreSQL SELECT: constants are cast to the column's."""
    if isinstance(expression, str):
        return F(expression)
    if isinstance(expression, Value):
        target = field.target_field if field.is_relation else field
        output = models.BigIntegerField() if isinstance(target, models.AutoField) else target.clone()
        return Cast(Value(expression.value, output_field=output), output)
    return expression
