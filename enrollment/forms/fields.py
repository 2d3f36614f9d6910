"""The form's fields: they accept what a person can read, store it in one form, and refuse in the portal's own words."""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Iterable
from typing import Any
from urllib.parse import urlsplit, urlunsplit

from django import forms
from django.core.exceptions import ValidationError
from django.core.validators import URLValidator

from enrollment.forms.contact_phone import read_contact_phone
from enrollment.validators import is_social_security_number
from portal.phone.numbers import InvalidPhoneNumber

Choices = Iterable[tuple[str, Any]]
EMPTY_LABEL = "Choose one"
SCHEME_PATTERN = re.compile(r"(?:(?:([a-z][a-z0-9+.-]*):)?//)?(.*)", re.IGNORECASE)
TOO_LONG = "This has %(show_value)d characters. Shorten it to at most %(limit_value)d."


class LongTextField(forms.CharField):
    """Text of several lines."""

    widget: type[forms.Widget] = forms.Textarea
    default_error_messages = {
        "required": "Fill this in.",
        "max_length": TOO_LONG,
        "null_characters_not_allowed": "This has characters that cannot be stored. Type it again.",
    }


class TextField(LongTextField):
    """One line of text. Invisible characters are removed, and runs of white space become one space."""

    widget = forms.TextInput

    def to_python(self, value: Any) -> Any:
        return super().to_python(clean_line(str(value or "")))


class NameField(TextField):
    """A name of any length, such as 3M. It has a letter or a digit."""

    def clean(self, value: Any) -> Any:
        name = super().clean(value)
        if name and not any(map(str.isalnum, name)):
            raise ValidationError("A name has at least one letter or digit. Write it as it is registered.")
        return name


class ChoiceField(forms.ChoiceField):
    default_error_messages = {"required": "Choose one.", "invalid_choice": "Choose one of the list."}


def build_select(label: str, choices: Choices | tuple) -> ChoiceField:
    """A list to choose from that begins with an empty choice."""
    return ChoiceField(label=label, choices=[("", EMPTY_LABEL), *choices])


class HiddenIdField(forms.IntegerField):
    """An id or a count that the page was shown with."""

    widget = forms.HiddenInput
    default_error_messages = dict.fromkeys(
        ("required", "invalid"), "This page is incomplete, so nothing was sent. Open it again, then send it."
    )


class WholeNumberField(forms.IntegerField):
    """A whole number, with or without separators between groups of three digits: 1500, 1,500 or 1 500."""

    widget = forms.TextInput
    default_error_messages = {
        "required": "Fill this in.",
        "invalid": "Write a whole number in digits, such as 1500.",
        "min_value": "Write a number above 0.",
    }

    def __init__(self, *, max_value: int, **kwargs: Any) -> None:
        messages = {"max_value": f"Write a number of at most {max_value:,}."}
        super().__init__(min_value=1, max_value=max_value, error_messages=messages, **kwargs)

    def to_python(self, value: Any) -> int | None:
        return super().to_python(re.sub(r"(?<=\d)[,\s](?=\d{3}\b)", "", clean_line(str(value or ""))))


class DigitsField(TextField):
    """A number with its digits in groups, however these are separated. Subclasses store it in one form."""

    def to_python(self, value: Any) -> str:
        text = super().to_python(value)
        return self.format_digits(read_digits(text), text) if text else ""

    def format_digits(self, digits: str, text: str) -> str:
        """The value to store. `digits` is empty if the text has more than digits and separators."""
        raise NotImplementedError


class EinField(DigitsField):
    def format_digits(self, digits: str, text: str) -> str:
        if is_social_security_number(text):
            raise ValidationError(
                "This had the form of a Social Security number, so it was not kept. Write the business's EIN, as "
                "12-3456789; a sole proprietor can get one from the IRS at no cost."
            )
        if len(digits) != 9:
            raise ValidationError("An EIN has nine digits: write it as 12-3456789.")
        return f"{digits[:2]}-{digits[2:]}"


class DunsField(DigitsField):
    def format_digits(self, digits: str, text: str) -> str:
        if len(digits) != 9:
            raise ValidationError("A D-U-N-S number has nine digits: write it as 123456789 or 12-345-6789.")
        return digits


class ZipCodeField(DigitsField):
    def format_digits(self, digits: str, text: str) -> str:
        if len(digits) == 5:
            return digits
        # 9810 11234 has nine digits as well, but is not a ZIP code with four more.
        if len(digits) != 9 or not re.match(r"\d{5}(\D|\d{4}$)", text):
            raise ValidationError("Write five digits, or nine as 98101-1234.")
        return f"{digits[:5]}-{digits[5:]}"


class WebsiteField(TextField):
    """An https address. One without a scheme gets https, and scheme and host are stored in small letters."""

    default_error_messages = {"invalid": "This is not a web address. Write it as https://www.example.com."}
    default_validators = [URLValidator(schemes=["https"], message=default_error_messages["invalid"])]

    def to_python(self, value: Any) -> str:
        text = super().to_python(value)
        if not text or not (match := SCHEME_PATTERN.fullmatch(text)):
            return ""
        scheme, rest = match.groups()
        if scheme and scheme.lower() != "https":
            raise ValidationError("Write the address with https://: engines refuse sites without it.")
        try:
            parts = urlsplit(f"https://{rest}")
        except ValueError:
            raise ValidationError(self.error_messages["invalid"], code="invalid") from None
        if "@" in parts.netloc:
            raise ValidationError("This is an e-mail address. Write the website as https://www.example.com.")
        return urlunsplit(parts._replace(netloc=parts.netloc.lower()))


class EmailField(forms.EmailField):
    """An e-mail address, also as `Name <name@example.com>` or as a mailto: link."""

    widget = forms.TextInput
    default_error_messages = {
        "required": "Fill this in.",
        "invalid": "This is not an e-mail address. Write it as name@example.com.",
        "max_length": TOO_LONG,
    }

    def to_python(self, value: Any) -> Any:
        text = clean_line(str(value or ""))
        if match := re.fullmatch(r"(?:[^<>@]*<)?(?:mailto:)?([^<>\s]+)>?", text, re.IGNORECASE):
            text = match[1]
        return super().to_python(text)


class ContactPhoneField(TextField):
    """A phone number with or without an extension, stored as enrollment.forms.contact_phone writes it."""

    def to_python(self, value: Any) -> str:
        text = super().to_python(value)
        try:
            return read_contact_phone(text) if text else ""
        except InvalidPhoneNumber as error:
            raise ValidationError(str(error)) from None


def clean_line(text: str) -> str:
    """The text without characters that cannot be seen, and with one space for each run of white space."""
    visible = "".join(character for character in text if unicodedata.category(character) != "Cf")
    return " ".join(visible.split())


def read_digits(text: str) -> str:
    """The digits of groups that are separated by spaces, dashes, dots or slashes. Empty for any other text."""
    plain = unicodedata.normalize("NFKC", text)
    return re.sub(r"\D", "", plain) if re.fullmatch(r"[\d\s./\-\u2010-\u2015\u2212]+", plain, re.ASCII) else ""
