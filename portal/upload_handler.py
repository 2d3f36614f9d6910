"""Upload handlers: refuse files over the limit, discard files that no view takes, and delete what does not fit."""

from __future__ import annotations

from contextlib import suppress
from typing import IO, Any, cast

from django.conf import settings
from django.core.files.uploadedfile import UploadedFile
from django.core.files.uploadhandler import FileUploadHandler, StopUpload, TemporaryFileUploadHandler


class SizeLimitUploadHandler(FileUploadHandler):
    """Leaves the file out of request.FILES if the request is larger than `request.upload_limit_bytes` (default:
    UPLOAD_LIMIT_MB), and sets `request.too_large`, so that the view can show an error at the field. The request is read
    to its end: browsers report a reset connection as a network error."""

    def handle_raw_input(
        self,
        input_data: IO[bytes],
        META: dict[str, str],
        content_length: int,
        boundary: str,
        encoding: str | None = None,
    ) -> None:
        limit = getattr(self.request, "upload_limit_bytes", settings.UPLOAD_LIMIT_MB * 1024 * 1024)
        self.is_too_large = content_length > limit
        cast(Any, self.request).too_large = self.is_too_large

    def receive_data_chunk(self, raw_data: bytes, start: int) -> bytes:
        if self.is_too_large:
            raise StopUpload(connection_reset=False)
        return raw_data

    def file_complete(self, file_size: int) -> None:
        return None


class DiscardUploadHandler(FileUploadHandler):
    """Leaves files out of request.FILES, and writes nothing: for addresses that take none."""

    def receive_data_chunk(self, raw_data: bytes, start: int) -> None:
        return None

    def file_complete(self, file_size: int) -> None:
        return None


class WholeFileUploadHandler(TemporaryFileUploadHandler):
    """Deletes the temporary file at once if the disk is full before its end. Django deletes it at some later time."""

    def receive_data_chunk(self, raw_data: bytes, start: int) -> None:
        try:
            super().receive_data_chunk(raw_data, start)
        except OSError:
            self._delete()
            raise

    def file_complete(self, file_size: int) -> UploadedFile | None:
        try:
            return super().file_complete(file_size)
        except OSError:
            self._delete()
            raise

    def _delete(self) -> None:
        with suppress(OSError):  # what is still to be written does not fit either
            self.file.close()
