"""Users in Django admin. Only superusers see them and choose their staff role."""

from __future__ import annotations

from typing import Any

from django import forms
from django.contrib import admin
from django.contrib.auth.admin import UserAdmin as DjangoUserAdmin
from django.contrib.auth.forms import AdminUserCreationForm, UserChangeForm
from django.http import HttpRequest

from portal.accounts import people
from portal.accounts.roles import Permission
from portal.admin.permissions import ConfirmedChangesMixin, RolePermissionsMixin, get_context
from portal.models import User


class AddUserForm(AdminUserCreationForm):
    class Meta:
        model = User
        fields = ["email", "name", "staff_role"]


class ChangeUserForm(UserChangeForm):
    class Meta:
        model = User
        fields = ["email", "name", "password", "is_active", "staff_role"]


@admin.register(User)
class UserAdmin(ConfirmedChangesMixin, RolePermissionsMixin, DjangoUserAdmin):
    """A user who leaves is deactivated rather than deleted, so that the audit trail still names them."""

    form = ChangeUserForm
    add_form = AddUserForm
    ordering = ["email"]
    list_display = ["email", "name", "staff_role", "is_active", "last_login"]
    list_filter = ["staff_role", "is_active"]
    search_fields = ["email", "name"]
    filter_horizontal = []
    fieldsets = [
        (None, {"fields": ["email", "name", "password"]}),
        ("May", {"fields": ["is_active", "staff_role"]}),
        ("When", {"fields": ["last_login", "date_joined"]}),
    ]
    add_fieldsets = [
        (None, {"fields": ["email", "name", "staff_role", "usable_password", "password1", "password2"]}),
    ]
    readonly_fields = ["last_login", "date_joined"]
    read_permission = change_permission = Permission.MANAGE_USERS

    def save_model(self, request: HttpRequest, obj: User, form: forms.ModelForm, change: bool) -> None:
        if change:
            values = {field: getattr(obj, field) for field in ("name", "email", "staff_role", "is_active")}
            people.update_person(obj, **values, context=get_context(request))
        super().save_model(request, obj, form, change)

    def has_delete_permission(self, request: HttpRequest, obj: Any = None) -> bool:
        return False
