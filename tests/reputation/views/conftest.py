"""Fixtures of tests of pages."""

import pytest
from django.core.files.uploadedfile import SimpleUploadedFile

from portal.audit import Context
from reputation.imports import pipeline
from reputation.models import Desk, DeskRequest, NumberImport
from tests.support.desks import create_desk, create_request


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


@pytest.fixture
def desk(db) -> Desk:
    return create_desk(name="Hiya")


@pytest.fixture
def make_request(account, desk, now):
    """Return a function that creates a request of the account at the desk, to be sent in two days."""

    def make(**fields) -> DeskRequest:
        return create_request(fields.pop("of", account), fields.pop("desk", desk), now=now, **fields)

    return make
