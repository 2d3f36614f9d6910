"""The banner for operators, and the cells of their page."""

from __future__ import annotations

from datetime import datetime
from typing import Any

from django import template
from django.utils import timezone

from portal.accounts.roles import Permission, staff_may
from portal.operations.sections import Cell
from portal.operations.state import describe_state
from portal.templatetags.formatting import exact

register = template.Library()


@register.inclusion_tag("portal/_operations_banner.html", takes_context=True)
def operations_banner(context: template.Context) -> dict[str, Any]:
    """What is late or fails, for operators only. One query for them, none for others."""
    request = context.get("request")
    user = getattr(request, "user", None)
    if user is None or not staff_may(user, Permission.OPERATE):
        return {}
    return {"problem": describe_state(timezone.now())}


@register.simple_tag
def operations_cell(cell: Cell) -> str:
    if isinstance(cell, datetime):
        return exact(cell)
    return f"{cell:,}" if isinstance(cell, int) else str(cell or "")
