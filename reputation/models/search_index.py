"""A trigram index of numbers and labels, so that a search for any part of either does not scan the table.

SQLite uses FTS5 with its trigram tokenizer, PostgreSQL pg_trgm. On SQLite the index returns candidates, which the query
compares with LIKE again, so that both give the same result. Texts of one or two characters cannot use the index.
Labels are indexed without their accents (portal/db/folding.py).
"""

from __future__ import annotations

from functools import partial

from django.db import DatabaseError, connection, transaction
from django.db.models import Q
from django.db.models.expressions import RawSQL
from django.db.models.lookups import IContains

from portal.db.folding import FoldedAccents, fold_accents, fold_sql_of_postgresql, fold_sql_of_sqlite
from portal.phone.search import read_number_search

MIN_LENGTH = 3
_fold_label = partial(fold_sql_of_sqlite, max_length=80)  # PhoneNumber.MAX_LABEL_LENGTH
_NUMBERS = "reputation_phonenumber"
_INDEX_TABLE = "reputation_numbersearch"
_DELETE_ENTRY = (
    f"INSERT INTO {_INDEX_TABLE} ({_INDEX_TABLE}, rowid, e164, label) "
    f"VALUES ('delete', OLD.id, OLD.e164, {_fold_label('OLD.label')});"
)
_INSERT_ENTRY = (
    f"INSERT INTO {_INDEX_TABLE} (rowid, e164, label) VALUES (NEW.id, NEW.e164, {_fold_label('NEW.label')});"
)

# detail=none stores which rows contain a trigram, but no positions: a third of the size and of the write cost.
# Without content, because the index has other labels than the table.
SQLITE_OBJECTS = {
    _INDEX_TABLE: f"CREATE VIRTUAL TABLE {_INDEX_TABLE} USING fts5(e164, label, content='', "
    "tokenize='trigram', detail='none')",
    "number_search_added": f"CREATE TRIGGER number_search_added AFTER INSERT ON {_NUMBERS} BEGIN {_INSERT_ENTRY} END",
    "number_search_changed": f"""CREATE TRIGGER number_search_changed AFTER UPDATE OF id, e164, label ON {_NUMBERS}
        WHEN OLD.e164 IS NOT NEW.e164 OR OLD.label IS NOT NEW.label BEGIN {_DELETE_ENTRY} {_INSERT_ENTRY} END""",
    "number_search_deleted": f"""CREATE TRIGGER number_search_deleted AFTER DELETE ON {_NUMBERS}
        BEGIN {_DELETE_ENTRY} END""",
}
# The expressions that Django generates for icontains and istartswith, which are a LIKE on UPPER(). While it has no
# statistics, PostgreSQL would use an index on the number itself for e164 = as well, and take a hundred times as long.
POSTGRESQL_INDEXES = {
    "number_search_upper_e164": "CREATE INDEX number_search_upper_e164 "
    f"ON {_NUMBERS} USING gin (UPPER(e164::text) gin_trgm_ops)",
    "number_search_folded_label": f"CREATE INDEX number_search_folded_label ON {_NUMBERS} "
    f"USING gin (UPPER({fold_sql_of_postgresql('label')}) gin_trgm_ops)",
}
_FORMER_POSTGRESQL_INDEXES = ("number_search_label", "number_search_e164")


def install_index() -> None:
    """Creates and fills what is missing of the index. Called after each migration."""
    if connection.vendor == "sqlite":
        _install_on_sqlite()
    else:
        _install_on_postgresql()


def _install_on_sqlite() -> None:
    """Creates the index again unless all of it is as in this version. An entry can only be deleted as it was made."""
    with transaction.atomic(), connection.cursor() as cursor:
        cursor.execute("SELECT name, sql FROM sqlite_master WHERE type IN ('trigger', 'table')")
        existing = dict(cursor.fetchall())
        if all(existing.get(name) == sql for name, sql in SQLITE_OBJECTS.items()):
            return
        for name in reversed(SQLITE_OBJECTS):
            cursor.execute(f"DROP {'TABLE' if name == _INDEX_TABLE else 'TRIGGER'} IF EXISTS {name}")
        for sql in SQLITE_OBJECTS.values():
            cursor.execute(sql)
        cursor.execute(
            f"INSERT INTO {_INDEX_TABLE} (rowid, e164, label) SELECT id, e164, {_fold_label('label')} FROM {_NUMBERS}"
        )


def _install_on_postgresql() -> None:
    """Creates the extension and its indexes.

    pg_trgm is a trusted extension: the owner of the database may create it. Without that right, searches scan.
    """
    try:
        with transaction.atomic(), connection.cursor() as cursor:
            cursor.execute("CREATE EXTENSION IF NOT EXISTS pg_trgm")
    except DatabaseError:
        return
    with connection.cursor() as cursor:
        cursor.execute("SELECT indexname FROM pg_indexes WHERE tablename = %s", [_NUMBERS])
        existing = {name for (name,) in cursor.fetchall()}
        for name, sql in POSTGRESQL_INDEXES.items():
            if name not in existing:
                cursor.execute(sql)
        cursor.execute(f"DROP INDEX IF EXISTS {', '.join(_FORMER_POSTGRESQL_INDEXES)}")


def build_search_condition(text: str, longest_label: int, *, use_index: bool) -> Q:
    """The condition of numbers that `text` finds, by the number or by the label."""
    wanted = read_number_search(text)
    matches, texts = wanted.as_condition("e164"), wanted.texts
    if len(texts) < 2:
        folded = fold_accents(text)[: longest_label + 1]
        matches |= Q(IContains(FoldedAccents("label"), folded))
        texts = (*texts, folded)
    # Whole numbers are found by their own index.
    use_index = use_index and len(wanted.numbers) < len(texts)
    candidates = get_candidate_ids(*texts) if use_index else None
    return matches if candidates is None else matches & Q(pk__in=candidates)


def get_candidate_ids(*texts: str) -> RawSQL | None:
    """Ids of all numbers that may contain one of the texts.

    None if the index cannot be used, or is used by the database's planner itself (PostgreSQL).
    """
    if connection.vendor != "sqlite" or any(len(text) < MIN_LENGTH for text in texts):
        return None
    return RawSQL(
        f"SELECT rowid FROM {_INDEX_TABLE} WHERE {_INDEX_TABLE} MATCH %s", [" OR ".join(map(_trigram_query, texts))]
    )


def _trigram_query(text: str) -> str:
    """An FTS5 query for rows that contain all trigrams of the text."""
    parts = dict.fromkeys(text[start : start + MIN_LENGTH] for start in range(len(text) - MIN_LENGTH + 1))
    return "({})".format(" AND ".join('"{}"'.format(part.replace('"', '""')) for part in parts))
