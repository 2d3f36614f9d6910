"""Helpers of the tests of the pages of imports."""

from __future__ import annotations

from django.core.files.uploadedfile import SimpleUploadedFile
from django.http import HttpResponse
from django.test import Client
from django.urls import reverse

from reputation.models import NumberImport
from tests.support.pages import get_html

NEW_URL = reverse("import-new")


def post_file(client: Client, content: bytes, name: str = "numbers.csv") -> HttpResponse:
    return client.post(NEW_URL, {"file": SimpleUploadedFile(name, content)}, follow=True)


def get_page(client: Client, batch: NumberImport) -> str:
    return get_html(client.get(reverse("import", args=[batch.pk])))
