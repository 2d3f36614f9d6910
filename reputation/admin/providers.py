"""Connections, engine roles, the table of carriers, and circuit breakers in Django admin. For operators."""

from __future__ import annotations

from typing import Any

from django import forms
from django.contrib import admin
from django.core.exceptions import ValidationError
from django.db.models import Model
from django.http import HttpRequest

from portal import audit
from portal.accounts.roles import Permission
from portal.admin.openings import RecordedOpeningsMixin
from portal.admin.permissions import ConfirmedChangesMixin, RolePermissionsMixin, get_context
from reputation.models import CarrierEngine, Check, CircuitBreaker, Connection, EngineRole
from reputation.monitoring import roles
from reputation.providers.registry import get_providers


class AuditedAdmin(RolePermissionsMixin, admin.ModelAdmin):
    """Writes an audit event for each change. Rows are deleted one by one, so that each has its event."""

    read_permission = change_permission = Permission.MANAGE_PROVIDERS
    actions = None
    event_prefix: str

    def save_model(self, request: HttpRequest, obj: Any, form: forms.ModelForm, change: bool) -> None:
        before = self.describe(type(obj)._default_manager.get(pk=obj.pk)) if change else ""
        self.save(request, obj)
        self.record(request, obj, "changed" if change else "added", before=before, after=self.describe(obj))

    def delete_model(self, request: HttpRequest, obj: Any) -> None:
        self.record(request, obj, "removed", before=self.describe(obj))
        obj.delete()

    def save(self, request: HttpRequest, obj: Any) -> None:
        obj.save()

    def describe(self, obj: Any) -> str:
        """The values for the audit trail."""
        raise NotImplementedError

    def record(self, request: HttpRequest, obj: Model, change: str, **values: str) -> None:
        audit.record_event(
            account=getattr(obj, "account", None),
            context=get_context(request),
            code=f"{self.event_prefix}.{change}",
            subject=obj,
            **values,
        )


class ConnectionForm(forms.ModelForm):
    class Meta:
        model = Connection
        fields = ["provider", "account", "settings", "is_active"]
        help_texts = {
            "account": "Leave it empty for the operator's connection, which every account without its own uses.",
            "is_active": "If it is off, the provider is asked nothing over this connection.",
            "settings": "What the provider needs to know, by name, as JSON. Stored and shown as plain text: put no key "
            "or password here.",
        }

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        if "provider" in self.fields:
            self.fields["provider"] = forms.ChoiceField(choices=[(name, name) for name in get_providers()])

    def clean_settings(self) -> dict[str, Any]:
        settings = self.cleaned_data["settings"] or {}
        if not isinstance(settings, dict):
            raise ValidationError('Settings have names: {"address": "https://example.com"}.')
        return settings


@admin.register(Connection)
class ConnectionAdmin(RecordedOpeningsMixin, ConfirmedChangesMixin, AuditedAdmin):
    """The portal creates the operator's connections. They can be switched off, but not deleted."""

    form = ConnectionForm
    list_display = ["provider", "owner", "is_active", "created_at"]
    list_filter = ["provider", "is_active"]
    list_select_related = ["account"]
    # Not autocomplete_fields: the selector of Django's admin has no accessible name while it is empty.
    raw_id_fields = ["account"]
    search_fields = ["provider", "account__name"]
    opened_label = "provider"
    event_prefix = "connection"

    def get_readonly_fields(self, request: HttpRequest, obj: Connection | None = None) -> list[str]:
        return ["provider", "account"] if obj else []

    def has_delete_permission(self, request: HttpRequest, obj: Connection | None = None) -> bool:
        may_delete = super().has_delete_permission(request, obj)
        return may_delete and (obj is None or obj.account_id is not None)

    @admin.display(description="for", ordering="account__name")
    def owner(self, connection: Connection) -> str:
        return connection.account.name if connection.account else "Operator: every account without its own"

    def describe(self, obj: Connection) -> str:
        names = ", ".join(sorted(obj.settings)) or "none"
        return f"{'active' if obj.is_active else 'inactive'}, settings: {names}"


class EngineRoleForm(forms.ModelForm):
    class Meta:
        model = EngineRole
        fields = ["provider"]

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        if "provider" in self.fields:
            declaring = roles.get_declaring_providers(self.instance.engine, self.instance.role)
            self.fields["provider"] = forms.ChoiceField(
                choices=[(name, name) for name in declaring],
                help_text="It gets the requests that the former provider has not answered yet.",
            )


@admin.register(EngineRole)
class EngineRoleAdmin(AuditedAdmin):
    """Rows follow from what providers declare. An operator chooses who registers and who remediates."""

    form = EngineRoleForm
    fields = ["engine", "role", "provider", "evidence_name"]
    readonly_fields = ["engine", "role", "evidence_name"]
    list_display = ["engine", "role", "provider", "evidence_name"]
    list_filter = ["role", "provider"]
    list_select_related = ["engine"]
    event_prefix = "engine_role"

    def has_add_permission(self, request: HttpRequest, obj: Any = None) -> bool:
        return False

    def has_delete_permission(self, request: HttpRequest, obj: Any = None) -> bool:
        return False

    def has_change_permission(self, request: HttpRequest, obj: EngineRole | None = None) -> bool:
        """Every provider that declares it looks up or observes, so there is nothing to choose."""
        may_choose = obj is None or obj.role in EngineRole.EXCLUSIVE
        return super().has_change_permission(request, obj) and may_choose

    @admin.display(description="evidence of look-ups")
    def evidence_name(self, role: EngineRole) -> str:
        return str(Check.Evidence(role.evidence).label) if role.evidence else ""

    def save(self, request: HttpRequest, obj: EngineRole) -> None:
        roles.choose_provider(obj, obj.provider, now=get_context(request).now)

    def describe(self, obj: EngineRole) -> str:
        return obj.provider


class CarrierEngineForm(forms.ModelForm):
    class Meta:
        model = CarrierEngine
        fields = ["carrier", "device", "engine", "source", "read_on"]
        help_texts = {"carrier": "Empty: any carrier. A row for the carrier counts before one for the make alone."}

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        if "carrier" in self.fields:
            self.fields["carrier"].required = False

    def clean(self) -> dict[str, Any] | None:
        cleaned = super().clean()
        if not self.cleaned_data.get("carrier") and not self.cleaned_data.get("device"):
            raise ValidationError("Enter a carrier, a make of telephone, or both.")
        return cleaned


@admin.register(CarrierEngine)
class CarrierEngineAdmin(AuditedAdmin):
    form = CarrierEngineForm
    list_display = ["__str__", "source", "read_on"]
    list_filter = ["engine"]
    list_select_related = ["engine"]
    search_fields = ["carrier", "device", "source"]
    event_prefix = "carrier_engine"

    def describe(self, obj: CarrierEngine) -> str:
        return f"{obj.engine}, {obj.source} ({obj.read_on:%Y-%m-%d})"


@admin.register(CircuitBreaker)
class CircuitBreakerAdmin(RolePermissionsMixin, admin.ModelAdmin):
    """Connections that fail now, read-only."""

    list_display = ["connection", "operation", "failures", "opened_at", "retry_at", "reason"]
    list_select_related = ["connection", "connection__account"]
    ordering = ["retry_at"]
    read_permission = Permission.MANAGE_PROVIDERS
