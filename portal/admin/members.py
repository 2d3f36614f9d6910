"""The members on the page of an account in Django admin. A member is added by typing an e-mail address."""

from __future__ import annotations

from typing import Any

from django import forms
from django.contrib import admin
from django.core.exceptions import ValidationError

from portal.accounts import members
from portal.accounts.roles import Permission
from portal.admin.permissions import RolePermissionsMixin
from portal.audit import Context
from portal.models import Member, User


class MemberForm(forms.ModelForm):
    """The address of an existing member is fixed: another person's place is a removal and an addition."""

    email = forms.EmailField(label="E-mail")

    class Meta:
        model = Member
        fields = ["role"]

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        if self.instance.pk:
            self.fields["email"].initial = self.instance.user.email
            self.fields["email"].disabled = True

    def clean_email(self) -> str:
        email = self.cleaned_data["email"].strip().lower()
        if not self.instance.pk and User.objects.filter(email=email, is_active=False).exists():
            raise ValidationError("This person is kept from signing in. A superuser can change that.")
        return email


class MemberFormSet(forms.BaseInlineFormSet):
    """An account that has members has an owner among them: somebody must be able to add people."""

    def clean(self) -> None:
        super().clean()
        rows = [form.cleaned_data for form in self.forms if form.is_valid() and form.cleaned_data]
        staying = [data for data in rows if not data.get("DELETE")]
        had_an_owner = self.instance.pk and self.instance.members.filter(role=Member.Role.OWNER).exists()
        if (staying or had_an_owner) and not any(data.get("role") == Member.Role.OWNER for data in staying):
            raise ValidationError("An account needs an owner: make one of its members the owner.")
        emails = [data["email"] for data in rows]
        if len(set(emails)) < len(emails):
            raise ValidationError("Each person can be a member only once.")


class MemberInline(RolePermissionsMixin, admin.TabularInline):
    model = Member
    form = MemberForm
    formset = MemberFormSet
    fields = ["email", "role"]
    extra = 0
    read_permission = change_permission = Permission.CHANGE_MEMBERS


def save_members(formset: MemberFormSet, *, context: Context) -> None:
    """Apply a valid formset through `portal.accounts.members`. Raises MembershipError.

    Owners are saved first and removals come last, so that an owner can be replaced by another in one step.
    """
    formset.save(commit=False)  # Django admin reads new_objects and the like afterwards
    changed = [form for form in formset.forms if form.has_changed() and form not in formset.deleted_forms]
    for form in sorted(changed, key=lambda form: form.cleaned_data["role"] != Member.Role.OWNER):
        role = form.cleaned_data["role"]
        if form.instance.pk:
            members.change_role(form.instance, role=role, expected_role=form.initial["role"], context=context)
        else:
            members.add_member(account=formset.instance, email=form.cleaned_data["email"], role=role, context=context)
    for member in formset.deleted_objects:
        members.remove_member(member, context=context)
