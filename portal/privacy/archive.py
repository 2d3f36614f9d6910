"""The file of an export: a zip with a file of JSON lines for each table, and uploaded files. Written row by row."""

from __future__ import annotations

import json
import os
import shutil
import zipfile
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from django.core.serializers.json import DjangoJSONEncoder
from django.db import models
from django.db.models import QuerySet

from portal.privacy.tables import get_exported_columns, get_files

CHUNK = 2_000


class CannotWrite(Exception):
    """The file exists already, or its folder cannot be written to."""


class Archive:
    def __init__(self, file: zipfile.ZipFile) -> None:
        self.file = file
        self.rows = 0

    def add_rows(self, name: str, rows: Iterable[dict[str, Any]]) -> None:
        """A file of JSON lines. A table without rows gets an empty file, so that nobody wonders about it."""
        with self.file.open(f"{name}.jsonl", "w", force_zip64=True) as out:
            for row in rows:
                out.write(json.dumps(row, cls=DjangoJSONEncoder, ensure_ascii=False).encode() + b"\n")
                self.rows += 1

    def add_table(self, rows: QuerySet, columns: list[str] | None = None) -> None:
        """The rows of a table without its secrets, and their uploaded files."""
        table = rows.model._meta.db_table
        self.add_rows(table, iter_rows(rows, columns or get_exported_columns(rows.model)))
        for field in get_files(rows.model):
            named = rows.exclude(**{field.name: ""})
            for row in iter_rows(named, [rows.model._meta.pk.attname, field.attname]):
                self._add_file(field, row[field.attname])

    def _add_file(self, field: models.FileField, name: str) -> None:
        """Files that the portal has deleted meanwhile are left out."""
        try:
            with field.storage.open(name) as source, self.file.open(f"files/{name}", "w", force_zip64=True) as out:
                shutil.copyfileobj(source, out)
        except FileNotFoundError:
            return


@contextmanager
def create_archive(path: Path) -> Iterator[Archive]:
    """Create the file, which only its owner can read. It gets its name once it is complete. Raises CannotWrite."""
    unfinished = path.with_name(f"{path.name}.unfinished")
    if path.exists():
        raise CannotWrite(f"{path} exists. Name a new file.")
    try:
        descriptor = os.open(unfinished, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600)
    except OSError as error:
        raise CannotWrite(f"{path} cannot be written: {error.strerror}.") from error
    try:
        with open(descriptor, "wb") as raw, zipfile.ZipFile(raw, "w", zipfile.ZIP_DEFLATED) as file:
            yield Archive(file)
        unfinished.rename(path)
    finally:
        unfinished.unlink(missing_ok=True)


def iter_rows(rows: QuerySet, columns: list[str]) -> Iterator[dict[str, Any]]:
    """The rows in the order of their keys, read in chunks: a million need no more memory."""
    key = rows.model._meta.pk.attname
    last: Any = None
    names = list(dict.fromkeys([key, *columns]))
    while True:
        page = rows.filter(pk__gt=last) if last is not None else rows
        chunk = list(page.order_by("pk").values(*names)[:CHUNK])
        yield from chunk
        if len(chunk) < CHUNK:
            return
        last = chunk[-1][key]
