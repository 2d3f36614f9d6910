"""Files to import, and the results of imports."""

from pathlib import Path

from portal.audit import Context
from portal.models import AuditEvent
from reputation.imports import pipeline
from reputation.models import NumberImport, PhoneNumber


def csv_text(count: int, label: str = "Line") -> str:
    return "number,label\n" + "".join(f"+1206{2_000_000 + n},{label} {n}\n" for n in range(count))


def stored_numbers(account) -> dict[str, tuple]:
    rows = PhoneNumber.objects.for_account(account).values_list("e164", "label", "source", "campaign__name")
    return {e164: tuple(rest) for e164, *rest in rows}


def audit_events(*codes: str) -> list[tuple[str, str, str, str]]:
    found = AuditEvent.objects.filter(code__in=codes).order_by("pk")
    return list(found.values_list("code", "subject_label", "before", "after"))


def confirm(batch: NumberImport, context: Context) -> bool:
    return pipeline.confirm(batch, context=context)


def stored_files(media_root: Path) -> list[Path]:
    return [path for path in media_root.rglob("*") if path.is_file()]
