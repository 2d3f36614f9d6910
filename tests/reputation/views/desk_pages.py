"""What tests of the desk's pages share."""

from __future__ import annotations

from typing import Any

from django.urls import reverse

from reputation.models import Desk, DeskRequest


def claim(request: DeskRequest, user: Any, until: Any) -> None:
    DeskRequest.objects.filter(pk=request.pk).update(claimed_by=user, claimed_until=until)


def url(name: str, desk: Desk) -> str:
    return reverse(name, args=[desk.pk])


def letter_data(*requests: DeskRequest, **changed: str) -> dict[str, str]:
    """A letter for these requests, as the page sends it. A field that is None is left out."""
    data = {
        "ids": ",".join(str(request.pk) for request in requests),
        "text": "Please review  these numbers.\r\nThanks",
        "reference": "H-4711",
        "mailbox": "dana@cascadesolar.example",
        "attested_by": "Dana Reyes",
        "declares": "on",
        "file_name": "numbers.csv",
        "file_content": "number,call purpose\r\n2065550143,Sales\r\n",
    }
    return {name: value for name, value in (data | changed).items() if value is not None}
