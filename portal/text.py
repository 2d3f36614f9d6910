"""English phrases for pages, messages and mails."""

from __future__ import annotations

from collections.abc import Sequence


def join_names(names: Sequence[str], conjunction: str = "and") -> str:
    """The names as part of a sentence: "Hiya, TNS and First Orion"."""
    return f" {conjunction} ".join(filter(None, (", ".join(names[:-1]), names[-1]))) if names else ""


def name_in_sentence(name: str) -> str:
    """The name as it is written inside a sentence: "The carrier" begins with a small letter there, "TNS" does not."""
    return f"the {name[4:]}" if name.startswith("The ") else name


def pluralize(count: int, noun: str) -> str:
    """The count with its noun: "1 day", "1,204 days"."""
    return f"{count:,} {noun}{'' if count == 1 else 's'}"


def make_storable(text: str) -> str:
    """The text without NUL characters and lone surrogates, which PostgreSQL refuses."""
    return text.replace("\x00", "").encode("utf-8", "replace").decode("utf-8")
