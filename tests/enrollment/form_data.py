"""A complete enrollment form, as a browser sends it."""

from __future__ import annotations

from enrollment import drafts, lifecycle, snapshot
from enrollment.forms import build_forms
from enrollment.models import Application
from enrollment.questions import QUESTIONS
from portal.audit import Context
from portal.models import Account

BUSINESS = {
    "legal_name": "Cascade Solar LLC",
    "trade_name": "Cascade Solar",
    "business_type": "llc",
    "ein": "91-1234567",
    "duns": "",
    "industry": "energy",
    "employees": "51-200",
    "website": "https://www.cascadesolar.example",
    "street": "1200 Fifth Avenue, Suite 500",
    "city": "Seattle",
    "state": "WA",
    "zip_code": "98101",
    "use_case": "appointments",
    "use_case_details": "We confirm the visits that home owners booked on our site.",
    "on_behalf": "own",
    "calls_per_day": "1,500",
    "number_count": "40",
    "phone_company": "Example Telecom",
    "complaints": "",
    "contact_name": "Dana Reyes",
    "contact_title": "Head of operations",
    "contact_phone": "(206) 555-0143",
    "contact_email": "dana@cascadesolar.example",
}


def business_data(**changed: str) -> dict[str, str]:
    return BUSINESS | changed


def practices_data(**given: str) -> dict[str, str]:
    """Return form data with Yes for all questions except the given ones. `note_<question>` is a note."""
    posted = {}
    for question in QUESTIONS:
        posted[f"{question.id}-answer"] = given.get(question.id, "yes")
        posted[f"{question.id}-note"] = given.get(f"note_{question.id}", "")
        posted[f"{question.id}-wording"] = question.wording
    return posted


def stored_answers(**given: str) -> dict[str, dict[str, str]]:
    """Return the same answers as they are stored."""
    posted = practices_data(**given)
    return {
        question.id: {part: posted[f"{question.id}-{part}"] for part in ("answer", "note", "wording")}
        for question in QUESTIONS
    }


def create_draft(account: Account, context: Context, **given: str) -> Application:
    """Create a complete draft. Keywords are business fields, or answers by question."""
    fields = {name: text for name, text in given.items() if name in BUSINESS}
    return drafts.save(account, business=business_data(**fields), answers=stored_answers(**given), context=context)


def create_submitted(account: Account, context: Context, **given: str) -> Application:
    return submit_draft(create_draft(account, context, **given), context)


def submit_draft(application: Application, context: Context) -> Application:
    sections = build_forms(application, check=True)
    assert all(section.is_valid() for section in sections), [section.errors for section in sections]
    return lifecycle.submit(
        application,
        edit_count=application.edit_count,
        snapshot=snapshot.take_snapshot(*sections, signed_by="Dana Reyes"),
        context=context,
    )
