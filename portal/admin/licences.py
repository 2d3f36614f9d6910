"""Licences in Django admin: their own pages, and the rows on the page of an account."""

from __future__ import annotations

from collections.abc import Sequence
from itertools import groupby
from typing import Any, cast

from django import forms
from django.contrib import admin, messages
from django.contrib.admin.utils import unquote
from django.db.models import QuerySet
from django.forms.models import construct_instance
from django.http import HttpRequest, HttpResponse
from django.utils import timezone

from portal.accounts.licensing import count_losing_monitoring, delete_licence, save_licence
from portal.accounts.owner_mails import mail_owners_about_changes
from portal.accounts.roles import Permission
from portal.admin.openings import RecordedOpeningsMixin
from portal.admin.permissions import RolePermissionsMixin, get_context
from portal.models import Account, Licence
from portal.models.accounts import LicenceQuerySet
from portal.text import pluralize

END_MONITORING_HELP = "Only needed if numbers lose their cover by this change. The portal says how many."


class LicenceForm(forms.ModelForm):
    """`end_monitoring` confirms that monitoring ends for the numbers that are no longer covered."""

    end_monitoring = forms.BooleanField(required=False, help_text=END_MONITORING_HELP)

    def clean(self) -> dict[str, Any] | None:
        """Refuse a change that ends monitoring and is not confirmed. An inline row is checked by its formset."""
        cleaned = super().clean()
        account = self.instance.account if self.instance.pk else self.cleaned_data.get("account")
        if not isinstance(self, InlineLicenceForm) and account and not self.errors:
            changed = construct_instance(self, Licence(pk=self.instance.pk, account=account))
            others = Licence.objects.for_account(account).exclude(pk=self.instance.pk)
            require_confirmation(account, [*others, changed], is_confirmed=self.cleaned_data["end_monitoring"])
        return cleaned


class InlineLicenceForm(LicenceForm):
    """A row on the page of an account."""


class LicenceFormSet(forms.BaseInlineFormSet):
    """The licences on the page of an account, checked together."""

    def clean(self) -> None:
        super().clean()
        account = self.instance
        if any(self.errors) or not account.pk:
            return
        rows = [form for form in self.forms if form.has_changed() or form.instance.pk]
        kept = [form for form in rows if not form.cleaned_data.get("DELETE")]
        is_confirmed = any(form.cleaned_data.get("end_monitoring") for form in rows)
        require_confirmation(account, [form.instance for form in kept], is_confirmed=is_confirmed)


def require_confirmation(account: Account, licences: Sequence[Licence], *, is_confirmed: bool) -> None:
    """Raise ValidationError if monitoring would end for numbers and nobody confirmed it."""
    count = count_losing_monitoring(account, licences, timezone.now())
    if count and not is_confirmed:
        raise forms.ValidationError(
            f"Monitoring would end for {pluralize(count, 'number')}, because no licence covers them any more. Nothing "
            "was saved. Tick End monitoring to save."
        )


class LicenceInline(RolePermissionsMixin, admin.TabularInline):
    model = Licence
    form = InlineLicenceForm
    formset = LicenceFormSet
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
class LicenceAdmin(RecordedOpeningsMixin, RolePermissionsMixin, admin.ModelAdmin):
    form = LicenceForm
    list_display = ["account", "product", "seats", "valid_from", "valid_until"]
    list_filter = [ValidityFilter, "product"]
    list_select_related = ["account"]
    search_fields = ["account__name"]
    opened_label = "product"
    autocomplete_fields = ["account"]
    read_permission = Permission.READ_ACCOUNTS
    change_permission = Permission.CHANGE_ACCOUNTS

    def get_readonly_fields(self, request: HttpRequest, obj: Licence | None = None) -> list[str]:
        return ["account"] if obj else []

    def save_model(self, request: HttpRequest, obj: Licence, form: forms.ModelForm, change: bool) -> None:
        context = get_context(request)
        with mail_owners_about_changes(obj.account, context):
            save_licence(obj, context)

    def delete_view(self, request: HttpRequest, object_id: str, extra_context: Any = None) -> HttpResponse:
        """Say on the page that asks for confirmation for how many numbers monitoring ends."""
        licence = self.get_object(request, unquote(object_id))
        if request.method == "GET" and licence and self.has_delete_permission(request, licence):
            self._warn(request, Licence.objects.filter(pk=licence.pk))
        return super().delete_view(request, object_id, extra_context)

    def get_deleted_objects(self, objs: Any, request: HttpRequest) -> Any:
        """The same for the action that deletes several."""
        if request.POST.get("action") and not request.POST.get("post"):
            self._warn(request, Licence.objects.filter(pk__in=[licence.pk for licence in objs]))
        return super().get_deleted_objects(objs, request)

    def _warn(self, request: HttpRequest, removed: QuerySet[Licence]) -> None:
        for account in Account.objects.filter(licences__in=removed).distinct():
            rest = Licence.objects.filter(account=account).exclude(pk__in=removed.values("pk"))
            if count := count_losing_monitoring(account, list(rest), timezone.now()):
                text = f"{account}: monitoring ends for {pluralize(count, 'number')} if you confirm."
                self.message_user(request, text, messages.WARNING)

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
