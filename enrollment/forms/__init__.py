"""The enrollment form in three sections. Its data is the draft's (`Application.business` and `.answers`)."""

from __future__ import annotations

from enrollment.forms.business import BusinessForm
from enrollment.forms.errors import FormError, get_form_errors
from enrollment.forms.exchange import ReplyForm, WithdrawForm
from enrollment.forms.practices import PracticesForm
from enrollment.forms.submit import SubmitForm
from enrollment.models import Application

__all__ = [
    "BusinessForm",
    "FormError",
    "PracticesForm",
    "ReplyForm",
    "SubmitForm",
    "WithdrawForm",
    "build_forms",
    "get_form_errors",
]


def build_forms(application: Application, *, check: bool) -> tuple[BusinessForm, PracticesForm]:
    """Fill the first two sections with the draft. With `check` they are validated."""
    business = application.business
    return (
        BusinessForm(business if check else None, initial=business),
        PracticesForm(application.answers, check=check),
    )
