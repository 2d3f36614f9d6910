"""Django admin: users, accounts with their licences and members, and the audit trail to read.

Reviewers (staff) do all of it except users, which are for superusers: who may change a user may become anybody.
"""

from __future__ import annotations

from typing import Any

from django import forms
from django.contrib import admin
from django.contrib.auth.admin import UserAdmin as DjangoUserAdmin
from django.contrib.auth.forms import AdminUserCreationForm, UserChangeForm
from django.core.exceptions import ValidationError
from django.db.models import QuerySet
from django.http import HttpRequest
from django.utils import timezone

from portal import audit
from portal.audit import Actor, Context
from portal.audit.labels import describe_event
from portal.models import Account, AuditEvent, Licence, Member, User


class ReviewerPermissionMixin:
    """Whoever may sign in to the administration may do this: reviewers have no permissions one by one."""

    def _may(self, request: HttpRequest) -> bool:
        return request.user.is_active and request.user.is_staff

    def has_module_permission(self, request: HttpRequest) -> bool:
        return self._may(request)

    def has_view_permission(self, request: HttpRequest, obj: object = None) -> bool:
        return self._may(request)

    def has_add_permission(self, request: HttpRequest, obj: object = None) -> bool:
        return self._may(request)

    def has_change_permission(self, request: HttpRequest, obj: object = None) -> bool:
        return self._may(request)

    def has_delete_permission(self, request: HttpRequest, obj: object = None) -> bool:
        return self._may(request)


def _record_event(request: HttpRequest, subject: Any, *, what: str, before: str = "", after: str = "") -> None:
    account = subject if isinstance(subject, Account) else subject.account
    actor = Actor(user=request.user, via="admin")
    audit.record_event(
        account=account, context=Context(actor, timezone.now()), what=what, subject=subject, before=before, after=after
    )


def _describe_licence(licence: Licence) -> str:
    until = f"until {licence.valid_until:%Y-%m-%d}" if licence.valid_until else "without end"
    return f"{licence}, from {licence.valid_from:%Y-%m-%d}, {until}"


def _get_stored(model: Any) -> Any:
    """The row as it is in the database, before a form's changes are saved."""
    return type(model)._base_manager.filter(pk=model.pk).first() if model.pk else None


def _save_licence(request: HttpRequest, licence: Licence) -> None:
    stored = _get_stored(licence)
    licence.save()
    what = "licence.changed" if stored else "licence.added"
    _record_event(
        request,
        licence,
        what=what,
        before=_describe_licence(stored) if stored else "",
        after=_describe_licence(licence),
    )


def _delete_licence(request: HttpRequest, licence: Licence) -> None:
    _record_event(request, licence, what="licence.removed", before=_describe_licence(licence))
    licence.delete()


def _save_member(request: HttpRequest, member: Member) -> None:
    stored = _get_stored(member)
    if stored and stored.user_id != member.user_id:  # another person takes the row
        _record_event(request, stored, what="member.removed", before=stored.role)
        stored = None
    member.save()
    what = "member.role" if stored else "member.added"
    if stored is None or stored.role != member.role:
        _record_event(request, member, what=what, before=stored.role if stored else "", after=member.role)


def _delete_member(request: HttpRequest, member: Member) -> None:
    _record_event(request, member, what="member.removed", before=member.role)
    member.delete()


SAVE_FUNCTIONS = {Licence: _save_licence, Member: _save_member}
DELETE_FUNCTIONS = {Licence: _delete_licence, Member: _delete_member}


class LicenceInline(ReviewerPermissionMixin, admin.TabularInline):
    model = Licence
    extra = 0


class MemberFormSet(forms.BaseInlineFormSet):
    """An account that has members has an owner among them: somebody must be able to add people."""

    def clean(self) -> None:
        super().clean()
        kept = [form.cleaned_data for form in self.forms if form.is_valid() and form.cleaned_data]
        staying = [data for data in kept if not data.get("DELETE")]
        had_an_owner = self.instance.pk and self.instance.members.filter(role=Member.Role.OWNER).exists()
        if (staying or had_an_owner) and not any(data.get("role") == Member.Role.OWNER for data in staying):
            raise ValidationError("An account needs an owner: make one of its members the owner.")


class MemberInline(ReviewerPermissionMixin, admin.TabularInline):
    model = Member
    formset = MemberFormSet
    fields = ["user", "role"]
    autocomplete_fields = ["user"]
    extra = 0


@admin.register(Account)
class AccountAdmin(ReviewerPermissionMixin, admin.ModelAdmin):
    list_display = ["name", "time_zone", "created_at"]
    search_fields = ["name", "members__user__email"]
    inlines = [LicenceInline, MemberInline]

    def has_delete_permission(self, request: HttpRequest, obj: object = None) -> bool:
        """Its audit trail would go with it."""
        return False

    def save_model(self, request: HttpRequest, account: Account, form: forms.ModelForm, change: bool) -> None:
        stored = _get_stored(account)
        super().save_model(request, account, form, change)
        if stored is None:
            _record_event(request, account, what="account.added", after=account.name)
            return
        if stored.name != account.name:
            _record_event(request, account, what="account.name", before=stored.name, after=account.name)
        if stored.time_zone != account.time_zone:
            _record_event(request, account, what="account.time_zone", before=stored.time_zone, after=account.time_zone)

    def save_formset(self, request: HttpRequest, form: forms.ModelForm, formset: Any, change: bool) -> None:
        formset.save(commit=False)
        for row in formset.deleted_objects:
            DELETE_FUNCTIONS[formset.model](request, row)
        for row in [*formset.new_objects, *(row for row, _ in formset.changed_objects)]:
            SAVE_FUNCTIONS[formset.model](request, row)


class ValidityFilter(admin.SimpleListFilter):
    title = "validity"
    parameter_name = "validity"

    def lookups(self, request: HttpRequest, model_admin: Any) -> list[tuple[str, str]]:
        return [("valid", "Valid today"), ("expired", "Expired"), ("to_come", "To come")]

    def queryset(self, request: HttpRequest, licences: QuerySet[Licence]) -> QuerySet[Licence]:
        today = timezone.localdate()
        if self.value() == "valid":
            return licences.valid_on(today)
        if self.value() == "expired":
            return licences.filter(valid_until__lt=today)
        return licences.filter(valid_from__gt=today) if self.value() == "to_come" else licences


@admin.register(Licence)
class LicenceAdmin(ReviewerPermissionMixin, admin.ModelAdmin):
    list_display = ["account", "product", "seats", "valid_from", "valid_until"]
    list_filter = [ValidityFilter, "product"]
    list_select_related = ["account"]
    search_fields = ["account__name"]
    autocomplete_fields = ["account"]

    def get_readonly_fields(self, request: HttpRequest, licence: Licence | None = None) -> list[str]:
        return ["account"] if licence else []

    def save_model(self, request: HttpRequest, licence: Licence, form: forms.ModelForm, change: bool) -> None:
        _save_licence(request, licence)

    def delete_model(self, request: HttpRequest, licence: Licence) -> None:
        _delete_licence(request, licence)

    def delete_queryset(self, request: HttpRequest, licences: QuerySet[Licence]) -> None:
        for licence in licences.select_related("account"):
            _delete_licence(request, licence)


class AddUserForm(AdminUserCreationForm):
    class Meta:
        model = User
        fields = ["email", "name"]


class ChangeUserForm(UserChangeForm):
    class Meta:
        model = User
        fields = ["email", "name", "password", "is_active", "is_staff", "is_superuser"]


@admin.register(User)
class UserAdmin(DjangoUserAdmin):
    """Users sign in by e-mail. One who goes is switched off rather than deleted, so that the audit trail names them."""

    form = ChangeUserForm
    add_form = AddUserForm
    ordering = ["email"]
    list_display = ["email", "name", "is_staff", "is_active", "last_login"]
    list_filter = ["is_staff", "is_superuser", "is_active"]
    search_fields = ["email", "name"]
    filter_horizontal = []
    fieldsets = [
        (None, {"fields": ["email", "name", "password"]}),
        ("May", {"fields": ["is_active", "is_staff", "is_superuser"]}),
        ("When", {"fields": ["last_login", "date_joined"]}),
    ]
    add_fieldsets = [(None, {"fields": ["email", "name", "usable_password", "password1", "password2"]})]
    readonly_fields = ["last_login", "date_joined"]

    def has_view_permission(self, request: HttpRequest, obj: User | None = None) -> bool:
        """Reviewers look people up, to make them members."""
        return request.user.is_active and request.user.is_staff

    def has_delete_permission(self, request: HttpRequest, obj: User | None = None) -> bool:
        return False


@admin.register(AuditEvent)
class AuditEventAdmin(ReviewerPermissionMixin, admin.ModelAdmin):
    """To be read only: rows are added by the changes they tell of, and by nothing else."""

    list_display = ["at", "account", "words", "subject_label", "before", "after", "who"]
    list_display_links = None
    list_filter = ["via"]
    list_select_related = ["account", "actor"]
    search_fields = ["subject_label", "account__name"]
    ordering = ["-pk"]
    show_full_result_count = False

    @admin.display(description="what")
    def words(self, event: AuditEvent) -> str:
        return describe_event(event).words

    @admin.display(description="who")
    def who(self, event: AuditEvent) -> str:
        return describe_event(event).who

    def has_add_permission(self, request: HttpRequest, obj: object = None) -> bool:
        return False

    def has_change_permission(self, request: HttpRequest, obj: object = None) -> bool:
        return False

    def has_delete_permission(self, request: HttpRequest, obj: object = None) -> bool:
        return False
