"""Fixtures of tests of pages."""

import pytest
from django.core.files.uploadedfile import SimpleUploadedFile

from portal.audit import Context
from reputation.imports import pipeline
from reputation.models import NumberImport


@pytest.fixture
def media_root(settings, tmp_path):
    """Keep uploads in a directory of the test."""
    settings.MEDIA_ROOT = tmp_path


@pytest.fixture
def create_import(account, actor, now, media_root):
    """Return a function that creates an import of this content, in the state that it reaches unconfirmed."""

    def receive(content: str = "number,label\n2062550143,Seattle\n", of=account) -> NumberImport:
        upload = SimpleUploadedFile("numbers.csv", content.encode())
        return pipeline.receive(account=of, upload=upload, context=Context(actor, now))

    return receive
