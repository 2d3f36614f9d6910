"""What a run of a fault measured. docs/reliability.md adds the runs up (tests.reliability.record)."""

from __future__ import annotations

from dataclasses import dataclass, field

from tests.reliability.record import Measurement, describe_run, record, update_document

NAMES = {"sqlite": "SQLite", "postgresql": "PostgreSQL"}


@dataclass
class FaultRun:
    """`seconds` is the time to recover, None if it took longer than the limit.

    `lost` are the pieces of acknowledged work that are not there, `violations` the invariants that do not hold, `left`
    what did not come to rest; empty if all is well. `notes` are what the fault hit, and `number` is which run of its
    seed this is.
    """

    fault: str
    database: str
    seconds: float | None
    number: int
    lost: list[str] = field(default_factory=list)
    violations: list[str] = field(default_factory=list)
    left: str = ""
    notes: list[str] = field(default_factory=list)

    @property
    def is_good(self) -> bool:
        return self.seconds is not None and not (self.lost or self.violations or self.left)

    def describe(self) -> str:
        taken = "not recovered" if self.seconds is None else f"{self.seconds:.1f} s"
        words = [f"{self.fault}: {taken}", *self.notes, *(f"LOST {lost}" for lost in self.lost)]
        words += [f"LEFT {self.left}"] if self.left else []
        words += [f"VIOLATED {violation}" for violation in self.violations]
        return "; ".join(words)


def add_run(run: FaultRun) -> None:
    """Store a run, and update the document. What does not come to rest or breaks an invariant counts as lost."""
    lost = len(run.lost) + len(run.violations) + bool(run.left)
    record(Measurement(run.fault, NAMES[run.database], run.seconds, lost, **describe_run()))
    update_document()
