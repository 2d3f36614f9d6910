"""Users in Django admin. Only superusers see them and choose their staff role."""

from __future__ import annotations

from typing import Any

from django import forms
from django.contrib import admin, messages
from django.contrib.admin.utils import unquote
from django.contrib.auth.admin import UserAdmin as DjangoUserAdmin
from django.contrib.auth.forms import UserChangeForm
from django.db import transaction
from django.db.models import QuerySet
from django.http import HttpRequest, HttpResponse

from portal import audit
from portal.accounts import people
from portal.accounts.passwords import enqueue_first_password
from portal.accounts.roles import Permission
from portal.admin.openings import RecordedOpeningsMixin
from portal.admin.permissions import ConfirmedChangesMixin, RolePermissionsMixin, get_context
from portal.authentication.reauthentication import require_recent_sign_in
from portal.models import Member, User
from portal.text import pluralize

ADDED = "The person gets a mail with a link to set a password, which works for three days."


class AddUserForm(forms.ModelForm):
    """Nobody chooses a password for another person: they get a link by mail."""

    class Meta:
        model = User
        fields = ["email", "name", "staff_role"]


class ChangeUserForm(UserChangeForm):
    class Meta:
        model = User
        fields = ["email", "name", "password", "is_active", "staff_role"]


@admin.register(User)
class UserAdmin(RecordedOpeningsMixin, ConfirmedChangesMixin, RolePermissionsMixin, DjangoUserAdmin):
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
        (None, {"fields": ["email", "name", "staff_role"], "description": ADDED}),
    ]
    readonly_fields = ["last_login", "date_joined"]
    read_permission = change_permission = Permission.MANAGE_USERS
    opened_label = "user__email"
    actions = ["end_sessions"]

    @admin.action(description="Sign out everywhere", permissions=["change"])
    def end_sessions(self, request: HttpRequest, queryset: QuerySet[User]) -> None:
        """This session of the superuser goes on."""
        require_recent_sign_in(request)
        kept = request.session.session_key
        if ended := people.end_all_sessions(queryset, kept_session=kept, context=get_context(request)):
            self.message_user(request, f"{pluralize(ended, 'session')} ended.")
        else:
            self.message_user(request, "These people are signed in nowhere. Nothing was changed.", messages.WARNING)

    def get_opened(self, pks: list[int]) -> QuerySet[Member]:
        """The person as a member of each of their accounts."""
        return Member.objects.filter(user__in=pks)

    def user_change_password(self, request: HttpRequest, id: str, form_url: str = "") -> HttpResponse:
        user = self.get_object(request, unquote(id))
        with transaction.atomic():
            response = super().user_change_password(request, id, form_url)
            if user and User.objects.exclude(password=user.password).filter(pk=user.pk).exists():
                audit.record_about_person(user, context=get_context(request), code="password.set_by_staff")
        return response

    def save_model(self, request: HttpRequest, obj: User, form: forms.ModelForm, change: bool) -> None:
        if change:
            values = {field: getattr(obj, field) for field in ("name", "email", "staff_role", "is_active")}
            people.update_person(obj, **values, context=get_context(request))
            super().save_model(request, obj, form, change)
            return
        obj.set_unusable_password()
        with transaction.atomic():
            super().save_model(request, obj, form, change)
            enqueue_first_password(obj, now=get_context(request).now)

    def has_delete_permission(self, request: HttpRequest, obj: Any = None) -> bool:
        return False
