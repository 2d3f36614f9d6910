"""Texts without accents, so that a search for zurich finds Zürich: in Python, SQLite and PostgreSQL alike."""

from __future__ import annotations

import unicodedata
from typing import Any

from django.db.backends.base.base import BaseDatabaseWrapper
from django.db.models import CharField, Func
from django.db.models.sql.compiler import SQLCompiler

# Letters with a stroke and the dotless i, which Unicode does not decompose.
_OTHER_LETTERS = {"ø": "o", "Ø": "O", "ł": "l", "Ł": "L", "đ": "d", "Đ": "D", "ħ": "h", "Ħ": "H", "ı": "i", "ŧ": "t"}
# Accents that a text has as characters of their own.
_MARKS = "".join(map(chr, (*range(0x300, 0x30D), 0x31B, 0x323, 0x326, 0x327, 0x328, 0x331)))


def _build_base_letters() -> dict[str, str]:
    """The ASCII letter of each accented Latin letter."""
    found = dict(_OTHER_LETTERS)
    for code in (*range(0xC0, 0x250), *range(0x1E00, 0x1F00)):
        base, *marks = list(unicodedata.normalize("NFD", chr(code)))
        if marks and base.isascii() and base.isalpha():
            found[chr(code)] = base
    return found


_BASE_LETTERS = _build_base_letters()
_ACCENTED, _PLAIN = "".join(_BASE_LETTERS), "".join(_BASE_LETTERS.values())
_TABLE = str.maketrans(_ACCENTED, _PLAIN, _MARKS)


def fold_accents(text: str) -> str:
    return text if text.isascii() else text.translate(_TABLE)


def fold_sql_of_sqlite(column: str, max_length: int) -> str:
    """The column of this length without accents. SQLite has no translate(), and few texts need it: others are left as
    they are."""
    places = ",".join(map(str, range(1, max_length + 1)))
    place = f"instr('{_ACCENTED}', letter)"
    return (
        f"CASE WHEN {column} GLOB '*[^ -~]*' THEN (SELECT group_concat("
        f"CASE WHEN {place} > 0 THEN substr('{_PLAIN}', {place}, 1) ELSE letter END, '') "
        f"FROM (SELECT substr({column}, value, 1) AS letter FROM json_each('[{places}]') "
        f"WHERE value <= length({column})) WHERE instr('{_MARKS}', letter) = 0) ELSE {column} END"
    )


def fold_sql_of_postgresql(column: str) -> str:
    """The column without accents. translate() removes the marks, which have no counterpart."""
    return f"TRANSLATE({column}::text, '{_ACCENTED}{_MARKS}', '{_PLAIN}')"


class FoldedAccents(Func):
    """A CharField without accents, as an expression that a search index may also have."""

    output_field = CharField()
    arity = 1

    def as_sqlite(self, compiler: SQLCompiler, connection: BaseDatabaseWrapper, **context: Any) -> tuple[str, Any]:
        column, params = compiler.compile(self.source_expressions[0])
        max_length = self.source_expressions[0].output_field.max_length
        if max_length is None:
            raise TypeError(f"{column} has no max_length, so SQLite cannot fold it.")
        return fold_sql_of_sqlite(column, max_length), params

    def as_postgresql(self, compiler: SQLCompiler, connection: BaseDatabaseWrapper, **context: Any) -> tuple[str, Any]:
        column, params = compiler.compile(self.source_expressions[0])
        return fold_sql_of_postgresql(column), params
