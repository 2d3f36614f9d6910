"""Data of the forms of Django admin."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from django.http import HttpResponse
from django.test import Client
from django.urls import reverse

from portal.models import Account, Member, User


def account_form(account: Account, licences: Sequence[dict] = (), members: Sequence[dict] = ()) -> dict[str, Any]:
    """Return data of the account form. Rows with an `id` are existing objects."""
    data: dict[str, Any] = {"name": account.name, "time_zone": account.time_zone}
    for prefix, rows in (("licences", licences), ("members", members)):
        initial = sum(1 for row in rows if row.get("id"))
        data |= {f"{prefix}-TOTAL_FORMS": len(rows), f"{prefix}-INITIAL_FORMS": initial}
        for place, row in enumerate(rows):
            data |= {f"{prefix}-{place}-{field}": value for field, value in {"account": account.pk, **row}.items()}
    return {name: value for name, value in data.items() if value is not None}


def member_row(member: Member, **changed: object) -> dict[str, object]:
    return {"id": member.pk, "role": member.role} | changed


def send_password_form(client: Client, user: User, password: str) -> HttpResponse:
    """Set the password of another person."""
    data = {"usable_password": "true", "password1": password, "password2": password}
    return client.post(reverse("admin:auth_user_password_change", args=[user.pk]), data)
