"""Fixtures of import tests."""

from pathlib import Path

import pytest
from django.core.files.uploadedfile import SimpleUploadedFile

from portal.audit import Context
from portal.jobs import runner
from reputation.imports import pipeline, progress
from reputation.models import NumberImport


@pytest.fixture(autouse=True)
def media_root(settings, tmp_path) -> Path:
    """The directory of uploads."""
    settings.MEDIA_ROOT = tmp_path
    return tmp_path


@pytest.fixture
def create_import(account, actor, now):
    def receive_file(content: str) -> NumberImport:
        upload = SimpleUploadedFile("numbers.csv", content.encode())
        batch = pipeline.receive(account=account, upload=upload, context=Context(actor, now))
        batch.refresh_from_db()
        return batch

    return receive_file


@pytest.fixture
def background_only(monkeypatch):
    """Leave all work to workers, in chunks of ten rows."""
    monkeypatch.setattr(pipeline, "MAX_SYNCHRONOUS_BYTES", 0)
    monkeypatch.setattr(pipeline, "MAX_SYNCHRONOUS_ROWS", 0)
    monkeypatch.setattr(progress, "CHUNK", 10)
    monkeypatch.setattr(runner, "PAUSE_SECONDS", 0)
