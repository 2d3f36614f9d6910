import sys
import time
from argparse import ArgumentParser
from collections.abc import Sequence

from django.core.management.base import BaseCommand
from django.utils import timezone

from portal.text import pluralize
from reputation.invariants.all import INVARIANTS
from reputation.invariants.registry import Violation, check, repair

# So many rows of a violation are named.
SHOWN_KEYS = 10


class Command(BaseCommand):
    help = (
        "Check what must hold in the database at any moment, as of one moment and without stopping anybody's work. "
        "Ends with status 1 if something does not hold, and lists it. With --repair, mends what can be derived from "
        "other rows, and checks again."
    )

    def add_arguments(self, parser: ArgumentParser) -> None:
        parser.add_argument("--repair", action="store_true", help="Mend what can be mended.")

    def handle(self, *, repair: bool, **options: object) -> None:
        started = time.monotonic()
        violations = check(INVARIANTS, timezone.now())
        if repair and violations:
            self._repair(violations)
            violations = check(INVARIANTS, timezone.now())
        for violation in violations:
            self._report(violation)
        seconds = time.monotonic() - started
        checked = f"{pluralize(len(INVARIANTS), 'invariant')} checked in {seconds:.1f} s"
        if violations:
            self.stderr.write(self.style.ERROR(f"{checked}: {len(violations)} do not hold."))
            sys.exit(1)
        self.stdout.write(f"{checked}: all hold.")

    def _repair(self, violations: Sequence[Violation]) -> None:
        for name, count in repair(violations, timezone.now()).items():
            self.stdout.write(f"{name}: {pluralize(count, 'row')} repaired.")

    def _report(self, violation: Violation) -> None:
        invariant, keys = violation.invariant, violation.keys
        shown = ", ".join(map(str, keys[:SHOWN_KEYS])) + (", …" if len(keys) > SHOWN_KEYS else "")
        self.stdout.write(f"{invariant.name}: {violation.count_text}. Must hold: {invariant.sentence}")
        self.stdout.write(f"    {shown}" + ("" if not invariant.repair else "    (--repair mends it)"))
