"""Permissions in Django admin, taken from the role table instead of Django's permissions per model."""

from __future__ import annotations

from typing import Any, cast

from django.http import HttpRequest, HttpResponse
from django.utils import timezone

from portal.accounts.roles import Permission, staff_may
from portal.audit import Actor, Context
from portal.authentication.reauthentication import require_recent_sign_in
from portal.models import User


class RolePermissionsMixin:
    """For ModelAdmin and inlines. Without a `change_permission`, the model can only be read."""

    read_permission: Permission
    change_permission: Permission | None = None

    def has_module_permission(self, request: HttpRequest) -> bool:
        return staff_may(request.user, self.read_permission)

    def has_view_permission(self, request: HttpRequest, obj: Any = None) -> bool:
        return staff_may(request.user, self.read_permission)

    def has_add_permission(self, request: HttpRequest, obj: Any = None) -> bool:
        return self._may_change(request)

    def has_change_permission(self, request: HttpRequest, obj: Any = None) -> bool:
        return self._may_change(request)

    def has_delete_permission(self, request: HttpRequest, obj: Any = None) -> bool:
        return self._may_change(request)

    def _may_change(self, request: HttpRequest) -> bool:
        return self.change_permission is not None and staff_may(request.user, self.change_permission)


class ConfirmedChangesMixin:
    """For ModelAdmin of roles, members and secrets: staff who change them proved recently who they are."""

    def changeform_view(self, request: HttpRequest, *args: Any, **kwargs: Any) -> HttpResponse:
        if request.method == "POST":
            require_recent_sign_in(request)
        return super().changeform_view(request, *args, **kwargs)  # type: ignore[misc]


def get_user(request: HttpRequest) -> User:
    """The signed-in user. Django admin calls its views for staff only."""
    return cast("User", request.user)


def get_context(request: HttpRequest) -> Context:
    """The context of every change in this request. It is created once, so that all their events have the same time."""
    return request.__dict__.setdefault("context", Context(Actor(user=get_user(request), via="admin"), timezone.now()))
