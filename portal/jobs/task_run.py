"""What lasts for one run of a task: what need not be read for every chunk, and what is done once, at the end."""

from __future__ import annotations

from collections.abc import Callable, Hashable, Iterable, Iterator
from contextlib import contextmanager
from contextvars import ContextVar
from typing import Any

from portal.db.outages import is_outage

# With so many items, a handler is called before the end, so that one call does not take seconds.
MAX_ITEMS = 1_000

Handler = Callable[[list[Any]], object]


class _Run:
    def __init__(self) -> None:
        self.known: dict[Hashable, Any] = {}
        self.items: dict[Handler, list[Any]] = {}

    def add(self, handler: Handler, items: Iterable[Any]) -> None:
        collected = self.items.setdefault(handler, [])
        collected.extend(items)
        if len(collected) >= MAX_ITEMS:
            handler(self.items.pop(handler))

    def end(self) -> None:
        while self.items:
            handler, items = self.items.popitem()
            handler(items)


_run: ContextVar[_Run | None] = ContextVar("task_run", default=None)


@contextmanager
def task_run() -> Iterator[None]:
    """The block is one run of a task. Handlers are called at its end, unless it raised because of an outage: then each
    of them would wait for the database once more."""
    run = _Run()
    token = _run.set(run)
    try:
        yield
    except Exception as error:
        if is_outage(error):
            run.items.clear()
        raise
    finally:
        _run.reset(token)
        run.end()


def call_at_end(handler: Handler, items: Iterable[Any]) -> None:
    """Call `handler` with the items of all calls when the task ends. Outside of tasks it is called immediately.

    A task that is killed calls no handler, so what a handler does must be made up for later.
    """
    run = _run.get()
    if run is None:
        handler(list(items))
    else:
        run.add(handler, items)


def remember(key: Hashable, value: object) -> None:
    """Let `recall` return the value until the task ends. Does nothing outside of tasks."""
    if run := _run.get():
        run.known[key] = value


def recall(key: Hashable) -> Any:
    """What was remembered with this key in this run of a task, else None."""
    run = _run.get()
    return run.known.get(key) if run else None
