"""The storage of uploads: a file is stored whole or not at all."""

from __future__ import annotations

from typing import Any

from django.core.files.storage import FileSystemStorage


class WholeFileStorage(FileSystemStorage):
    """Deletes what it wrote of a file if the disk is full before its end."""

    def _save(self, name: str, content: Any) -> str:
        existed = self.exists(name)
        try:
            return super()._save(name, content)  # type: ignore[misc]
        except OSError:
            if not existed:
                self.delete(name)
            raise
