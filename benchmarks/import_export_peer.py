"""The same import with django-import-export: the same rules for each line, and an audit event for each number."""

from __future__ import annotations

from datetime import datetime
from pathlib import Path
from typing import Any

import tablib
from django.utils import timezone
from import_export import fields, resources, widgets
from import_export.instance_loaders import BaseInstanceLoader

from benchmarks.data import Dataset, load_dataset
from portal.models import AuditEvent
from portal.phone.numbers import InvalidPhoneNumber
from reputation.models import Campaign, PhoneNumber
from reputation.phone_numbers import clean_label, parse_caller_id

BATCH_SIZE = 1_000


def run(file: Path) -> None:
    """Import twice, as its admin pages do: a dry run for the preview, then the real import."""
    data = load_dataset()
    for dry_run in (True, False):
        dataset = tablib.Dataset().load(file.read_text(encoding="utf-8"), format="csv")
        numbers = NumberResource(data, timezone.now())
        result = numbers.import_data(dataset, dry_run=dry_run, rollback_on_validation_errors=False)
        if result.has_errors():
            raise SystemExit(str(result.base_errors or result.row_errors()[0][1][0].error))


class NumberWidget(widgets.CharWidget):
    def clean(self, value: str, row: Any = None, **kwargs: Any) -> str:
        return parse_caller_id(value).e164


class LabelWidget(widgets.CharWidget):
    def clean(self, value: str, row: Any = None, **kwargs: Any) -> str:
        return clean_label(value)[:80]


class SourceWidget(widgets.CharWidget):
    def clean(self, value: str, row: Any = None, **kwargs: Any) -> str:
        return {"byoc": "byoc", "native": "native", "": "native"}[value.casefold()]


class NumberLoader(BaseInstanceLoader):
    """Like its CachedInstanceLoader, which fails at the first invalid number."""

    def __init__(self, resource: Any, dataset: Any = None) -> None:
        super().__init__(resource, dataset)
        cleaned = {self._e164(text) for text in dataset["Phone number"]}
        self.existing = {number.e164: number for number in resource.get_queryset().filter(e164__in=cleaned)}

    def get_instance(self, row: Any) -> PhoneNumber | None:
        return self.existing.get(self._e164(row["Phone number"]))

    def _e164(self, text: str) -> str:
        try:
            return parse_caller_id(text).e164
        except InvalidPhoneNumber:
            return ""


class NumberResource(resources.ModelResource):
    """Configured as its documentation advises for large files."""

    e164 = fields.Field("e164", "Phone number", NumberWidget())
    label = fields.Field("label", "Label", LabelWidget())
    source = fields.Field("source", "Source", SourceWidget())
    campaign = fields.Field("campaign", "Campaign", widgets.ForeignKeyWidget(Campaign, "name"))

    class Meta:
        model = PhoneNumber
        fields = ("e164", "label", "source", "campaign")
        import_id_fields = ("e164",)
        instance_loader_class = NumberLoader
        use_bulk = True
        batch_size = BATCH_SIZE
        skip_diff = True
        skip_unchanged = True
        report_skipped = False
        use_transactions = True

    def __init__(self, data: Dataset, now: datetime) -> None:
        super().__init__()
        self.data, self.now = data, now

    def get_queryset(self) -> Any:
        return PhoneNumber.objects.for_account(self.data.account)

    def before_save_instance(self, instance: PhoneNumber, row: Any, **kwargs: Any) -> None:
        parsed = parse_caller_id(instance.e164)
        instance.account_id = self.data.account.pk
        instance.region, instance.kind, instance.area_code = parsed.region, parsed.kind, parsed.area_code

    def bulk_create(self, using_transactions: bool, dry_run: bool, *args: Any, **kwargs: Any) -> None:
        created = list(self.create_instances)
        super().bulk_create(using_transactions, dry_run, *args, **kwargs)
        self._record("number.added", created)

    def bulk_update(self, using_transactions: bool, dry_run: bool, *args: Any, **kwargs: Any) -> None:
        updated = list(self.update_instances)
        super().bulk_update(using_transactions, dry_run, *args, **kwargs)
        self._record("number.changed", updated)

    def _record(self, code: str, numbers: list[PhoneNumber]) -> None:
        AuditEvent.objects.bulk_create(
            AuditEvent(
                account_id=number.account_id,
                at=self.now,
                actor=self.data.user,
                via="web",
                code=code,
                subject_type="phonenumber",
                subject_id=number.pk,
                subject_label=number.e164,
                after=number.label,
            )
            for number in numbers
        )
