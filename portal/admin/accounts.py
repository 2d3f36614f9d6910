"""Accounts in Django admin, with their licences and members."""

from __future__ import annotations

from contextlib import nullcontext
from typing import Any

from django import forms
from django.contrib import admin, messages
from django.contrib.admin.utils import unquote
from django.db.models import F, QuerySet
from django.http import HttpRequest, HttpResponse, HttpResponseRedirect

from portal import audit
from portal.accounts.licensing import delete_licence, save_licence
from portal.accounts.members import MembershipError
from portal.accounts.owner_mails import mail_owners_about_changes
from portal.accounts.roles import Permission, staff_may
from portal.accounts.settings import update_account
from portal.admin.licences import LicenceInline
from portal.admin.members import MemberFormSet, MemberInline, save_members
from portal.admin.openings import RecordedOpeningsMixin
from portal.admin.permissions import ConfirmedChangesMixin, RolePermissionsMixin, get_context
from portal.models import Account


@admin.register(Account)
class AccountAdmin(RecordedOpeningsMixin, ConfirmedChangesMixin, RolePermissionsMixin, admin.ModelAdmin):
    list_display = ["name", "time_zone", "created_at"]
    ordering = ["-pk"]
    inlines = [LicenceInline, MemberInline]
    search_fields = ["name"]
    opened_label = "name"
    read_permission = Permission.READ_ACCOUNTS
    change_permission = Permission.CHANGE_ACCOUNTS

    def has_delete_permission(self, request: HttpRequest, obj: Any = None) -> bool:
        """Deleting an account would delete its audit trail."""
        return False

    def get_opened(self, pks: list[int]) -> QuerySet[Account]:
        return super().get_opened(pks).annotate(account_id=F("pk"))

    def get_search_fields(self, request: HttpRequest) -> list[str]:
        """Only staff who see the members may find accounts by their addresses."""
        by_email = ["members__user__email"] if staff_may(request.user, Permission.CHANGE_MEMBERS) else []
        return ["name", *by_email]

    def changeform_view(
        self,
        request: HttpRequest,
        object_id: str | None = None,
        form_url: str = "",
        extra_context: dict[str, Any] | None = None,
    ) -> HttpResponse:
        """Save, and mail the owners about it. If a member cannot be changed, nothing is saved."""
        account = self.get_object(request, unquote(object_id)) if object_id and request.method == "POST" else None
        mailing = mail_owners_about_changes(account, get_context(request)) if account else nullcontext()
        try:
            with mailing:
                return super().changeform_view(request, object_id, form_url, extra_context)
        except MembershipError as error:
            self.message_user(request, f"Nothing was changed. {error}", messages.ERROR)
            return HttpResponseRedirect(request.get_full_path())

    def save_model(self, request: HttpRequest, obj: Account, form: forms.ModelForm, change: bool) -> None:
        context = get_context(request)
        if not change:
            super().save_model(request, obj, form, change)
            audit.record_event(account=obj, context=context, code="account.added", subject=obj, after=obj.name)
            return
        stored = Account.objects.get(pk=obj.pk)
        values = {field: form.cleaned_data[field] for field in form.changed_data if field in form.cleaned_data}
        update_account(stored, **values, context=context)

    def save_formset(self, request: HttpRequest, form: Any, formset: Any, change: bool) -> None:
        context = get_context(request)
        if isinstance(formset, MemberFormSet):
            save_members(formset, context=context)
            return
        formset.save(commit=False)
        for licence in formset.deleted_objects:
            delete_licence(licence, context)
        for licence in [*formset.new_objects, *(licence for licence, _ in formset.changed_objects)]:
            save_licence(licence, context)

    def construct_change_message(self, request: HttpRequest, form: Any, formsets: Any, add: bool = False) -> Any:
        """Leave members out of Django's own history, which reviewers read. The audit trail has them."""
        without_members = [formset for formset in formsets or () if not isinstance(formset, MemberFormSet)]
        return super().construct_change_message(request, form, without_members, add)
