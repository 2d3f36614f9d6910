"""A trigram index of numbers and labels, so that a search for any part of either does not scan the table.

SQLite uses FTS5 with its trigram tokenizer, PostgreSQL pg_trgm. On SQLite the index returns candidates, which the query
compares with LIKE again, so that both give the same result. Texts of one or two characters cannot use the index.
"""

from __future__ import annotations

from django.db import DatabaseError, connection, transaction
from django.db.models.expressions import RawSQL

MIN_LENGTH = 3
_NUMBERS = "reputation_phonenumber"
_INDEX_TABLE = "reputation_numbersearch"
_DELETE_ENTRY = (
    f"INSERT INTO {_INDEX_TABLE} ({_INDEX_TABLE}, rowid, e164, label) VALUES ('delete', OLD.id, OLD.e164, OLD.label);"
)
_INSERT_ENTRY = f"INSERT INTO {_INDEX_TABLE} (rowid, e164, label) VALUES (NEW.id, NEW.e164, NEW.label);"

# detail=none stores which rows contain a trigram, but no positions: a third of the size and of the write cost.
SQLITE_OBJECTS = {
    _INDEX_TABLE: f"CREATE VIRTUAL TABLE {_INDEX_TABLE} USING fts5(e164, label, content='{_NUMBERS}', "
    "content_rowid='id', tokenize='trigram', detail='none')",
    "number_search_added": f"CREATE TRIGGER number_search_added AFTER INSERT ON {_NUMBERS} BEGIN {_INSERT_ENTRY} END",
    "number_search_changed": f"""CREATE TRIGGER number_search_changed AFTER UPDATE OF id, e164, label ON {_NUMBERS}
        WHEN OLD.e164 IS NOT NEW.e164 OR OLD.label IS NOT NEW.label BEGIN {_DELETE_ENTRY} {_INSERT_ENTRY} END""",
    "number_search_deleted": f"""CREATE TRIGGER number_search_deleted AFTER DELETE ON {_NUMBERS}
        BEGIN {_DELETE_ENTRY} END""",
}
# The expressions that Django generates: contains is a LIKE on the column, icontains one on its UPPER().
POSTGRESQL_INDEXES = {
    "number_search_e164": f"CREATE INDEX number_search_e164 ON {_NUMBERS} USING gin ((e164::text) gin_trgm_ops)",
    "number_search_label": f"CREATE INDEX number_search_label ON {_NUMBERS} "
    "USING gin (UPPER(label::text) gin_trgm_ops)",
}


def install_index() -> None:
    """Creates and fills what is missing of the index. Called after each migration."""
    if connection.vendor == "sqlite":
        _install_on_sqlite()
    else:
        _install_on_postgresql()


def _install_on_sqlite() -> None:
    with transaction.atomic(), connection.cursor() as cursor:
        cursor.execute("SELECT name FROM sqlite_master WHERE type IN ('trigger', 'table')")
        existing = {name for (name,) in cursor.fetchall()}
        missing = [sql for name, sql in SQLITE_OBJECTS.items() if name not in existing]
        for sql in missing:
            cursor.execute(sql)
        if missing:
            cursor.execute(f"INSERT INTO {_INDEX_TABLE} ({_INDEX_TABLE}) VALUES ('rebuild')")


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
