"""Licences in Django admin: their own pages, and the rows on the page of an account."""

from __future__ import annotations

from itertools import groupby
from typing import Any, cast

from django import forms
from django.contrib import admin
from django.db.models import QuerySet
from django.http import HttpRequest
from django.utils import timezone

from portal import audit
from portal.accounts.owner_mails import mail_owners_about_changes
from portal.accounts.roles import Permission
from portal.admin.permissions import RolePermissionsMixin, get_context
from portal.audit import Context
from portal.models import Licence
from portal.models.accounts import LicenceQuerySet


def save_licence(licence: Licence, context: Context) -> None:
    stored = Licence.objects.filter(pk=licence.pk).first() if licence.pk else None
    licence.save()
    audit.record_event(
        account=licence.account,
        context=context,
        code="licence.changed" if stored else "licence.added",
        subject=licence,
        before=_describe_licence(stored) if stored else "",
        after=_describe_licence(licence),
    )


def delete_licence(licence: Licence, context: Context) -> None:
    before = _describe_licence(licence)
    audit.record_event(account=licence.account, context=context, code="licence.removed", subject=licence, before=before)
    licence.delete()


def _describe_licence(licence: Licence) -> str:
    until = f"until {licence.valid_until:%Y-%m-%d}" if licence.valid_until else "without end"
    return f"{licence}, from {licence.valid_from:%Y-%m-%d}, {until}"


class LicenceInline(RolePermissionsMixin, admin.TabularInline):
    model = Licence
    extra = 0
    read_permission = Permission.READ_ACCOUNTS
    change_permission = Permission.CHANGE_ACCOUNTS


class ValidityFilter(admin.SimpleListFilter):
    title = "validity"
    parameter_name = "validity"

    def lookups(self, request: HttpRequest, model_admin: Any) -> list[tuple[str, str]]:
        return [("valid", "Valid today"), ("expired", "Expired"), ("to_come", "To come")]

    def queryset(self, request: HttpRequest, queryset: QuerySet[Licence]) -> QuerySet[Licence]:
        licences = cast(LicenceQuerySet, queryset)
        today = timezone.localdate()
        if self.value() == "valid":
            return licences.valid_on(today)
        if self.value() == "expired":
            return licences.filter(valid_until__lt=today)
        return licences.filter(valid_from__gt=today) if self.value() == "to_come" else licences


@admin.register(Licence)
class LicenceAdmin(RolePermissionsMixin, admin.ModelAdmin):
    list_display = ["account", "product", "seats", "valid_from", "valid_until"]
    list_filter = [ValidityFilter, "product"]
    list_select_related = ["account"]
    search_fields = ["account__name"]
    autocomplete_fields = ["account"]
    read_permission = Permission.READ_ACCOUNTS
    change_permission = Permission.CHANGE_ACCOUNTS

    def get_readonly_fields(self, request: HttpRequest, obj: Licence | None = None) -> list[str]:
        return ["account"] if obj else []

    def save_model(self, request: HttpRequest, obj: Licence, form: forms.ModelForm, change: bool) -> None:
        context = get_context(request)
        with mail_owners_about_changes(obj.account, context):
            save_licence(obj, context)

    def delete_model(self, request: HttpRequest, obj: Licence) -> None:
        context = get_context(request)
        with mail_owners_about_changes(obj.account, context):
            delete_licence(obj, context)

    def delete_queryset(self, request: HttpRequest, queryset: QuerySet[Licence]) -> None:
        """One mail for each account, with all its licences."""
        context = get_context(request)
        licences = queryset.select_related("account").order_by("account", "pk")
        for _, of_account in groupby(licences, key=lambda licence: licence.account_id):
            first, *others = of_account
            with mail_owners_about_changes(first.account, context):
                for licence in (first, *others):
                    delete_licence(licence, context)
