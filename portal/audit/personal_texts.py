"""Keep what an event says about a person apart from the event, in a row that erasure can blank.

A row has the texts of one event. The event holds its id, and the hash of the event's batch covers its digest, so
neither the event nor the chain changes when the texts are erased.
"""

from __future__ import annotations

import hashlib
import json
import secrets
from collections.abc import Mapping
from typing import Any

from django.db.models import Model, OuterRef, QuerySet, Subquery, Value
from django.db.models.functions import Coalesce

from portal.db.bulk import Source, insert_rows
from portal.models import AuditPersonalText, Member, User

# Events about these name a person, and tell where somebody signed in from.
PEOPLE = frozenset({"user", "member", "invitation"})
# Events whose values are names or addresses of people.
CODES_WITH_PERSONAL_VALUES = frozenset({"person.name", "person.email", "api_key.taken_over"})
# The text of an event -> where its row keeps it.
_COLUMNS = {"subject_label": "label", "before": "before", "after": "after", "reason": "reason"}


def get_personal_fields(code: str, subject_type: str) -> tuple[str, ...]:
    """The texts of an event that are kept apart from it: names of columns of AuditEvent."""
    about = ("subject_label", "reason") if subject_type in PEOPLE else ()
    return (*about, "before", "after") if code in CODES_WITH_PERSONAL_VALUES else about


def compute_digest_of_texts(row: AuditPersonalText) -> str:
    values = [row.salt, row.label, row.before, row.after, row.reason]
    return hashlib.sha256(json.dumps(values).encode()).hexdigest()


def keep_apart(
    texts: dict[str, str], fields: tuple[str, ...], *, number: int, account_id: int | None, subject: Model
) -> AuditPersonalText:
    """Move these fields of the texts of one event to a new row. One query."""
    row = _build({field: texts[field] for field in fields}, number, account_id, _get_user_id(subject), subject.pk)
    row.save(force_insert=True)
    texts.update(dict.fromkeys(fields, ""))
    return row


def keep_rows_apart(
    changed: QuerySet, sources: dict[str, Source], fields: tuple[str, ...], *, number: int
) -> dict[str, Source]:
    """Add a row for each of `changed` with these fields of its event. Two queries, for any number of rows.

    The rows are people, so they fit into memory. Returns the columns of the events: the other texts, and the row.
    """
    selected = {f"kept_{field}": _as_expression(sources[field]) for field in fields}
    user_column = {User: "pk", Member: "user_id"}.get(changed.model)
    names = ["pk", "account_id", *([user_column] if user_column else []), *selected]
    rows = []
    for values in changed.order_by("pk").annotate(**selected).values(*dict.fromkeys(names)):
        texts = {field: values[f"kept_{field}"] or "" for field in fields}
        user_id = values[user_column] if user_column else None
        rows.append(_build(texts, number, values["account_id"], user_id, values["pk"]))
    columns = [field.attname for field in AuditPersonalText._meta.concrete_fields if not field.primary_key]
    insert_rows(AuditPersonalText, [{name: getattr(row, name) for name in columns} for row in rows])
    kept = AuditPersonalText.objects.filter(number=number, subject_id=OuterRef("pk"))
    return {**sources, **dict.fromkeys(fields, Value("")), "personal_text_id": Subquery(kept.values("pk")[:1])}


def get_digests(number: int) -> dict[int, str]:
    """The digests of what the events of a statement say about people, by the id of the row. One query."""
    return dict(AuditPersonalText.objects.filter(number=number).values_list("pk", "digest"))


def _build(
    texts: Mapping[str, str], number: int, account_id: int | None, user_id: int | None, subject_id: int
) -> AuditPersonalText:
    row = AuditPersonalText(
        **{_COLUMNS[field]: text for field, text in texts.items()},
        account_id=account_id,
        user_id=user_id,
        number=number,
        subject_id=subject_id,
        salt=secrets.token_hex(16),
    )
    row.digest = compute_digest_of_texts(row)
    return row


def _get_user_id(subject: Model) -> int | None:
    """Whom an event is about. An address that no user has belongs to a User without a key."""
    return getattr(subject, "user_id", None) or (subject.pk or None if isinstance(subject, User) else None)


def _as_expression(source: Source) -> Any:
    return Coalesce(source, Value("")) if isinstance(source, str) else source
