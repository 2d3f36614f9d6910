"""Verification: every engine in use is asked to take a number on, which may last days."""

from __future__ import annotations

from collections.abc import Sequence


def progress_of(ids: Sequence[int]) -> dict[int, str]:
    """How far the verification of each of these numbers is, in words: 1 of 3 engines, up to 3 days. One query."""
    return {}
