"""What the grades of Hiya mean. A grade that is not in the table says nothing.

The four grades are those of Hiya's reference for business partners (developer.hiya.com, read 26 Nov 2026). Whether Hiya
Connect writes them in the same way was not seen, and Hiya says that a label belongs to a call, not to a number.
"""

from __future__ import annotations

from reputation.imports.headings import normalize_heading
from reputation.providers.protocol import Verdict

VERDICTS_BY_GRADE = {
    "flagged": Verdict.LABELLED,
    # Some calls are flagged, others are not: a sign of a label, and none yet.
    "mixedhigh": Verdict.WARNING,
    "mixedlow": Verdict.WARNING,
    "unflagged": Verdict.CLEAN,
}


def get_verdict(grade: str) -> Verdict:
    return VERDICTS_BY_GRADE.get(normalize_heading(grade), Verdict.UNKNOWN)
