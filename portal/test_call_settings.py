"""Settings of test calls, reports of labels, and their photos (reputation/test_calls/). Part of portal/settings.py."""

from __future__ import annotations

from dataclasses import dataclass, fields

from portal.environment import EnvironmentReader, environment

__all__ = ["TEST_CALLS"]


@dataclass(frozen=True)
class TestCallSettings:
    """Each field is a positive number, from the variable TEST_CALL_ with the field's name in capitals."""

    __test__ = False  # pytest takes classes that begin with Test for tests

    proven_days: int = 90  # a telephone that displayed a label shows labels for so long
    seconds_per_call: int = 72
    calls_per_week: int = 3  # to one number
    random_one_in: int = 10
    hold_minutes: int = 30  # so long a result may be undone
    claim_minutes: int = 5  # so long a call is kept for whoever took it
    control_minutes: int = 5
    arrivals_missed: int = 2  # before a number counts as blocked
    arrivals_days: int = 7  # the first and the last of them are at most so far apart
    busy_calls_per_day: int = 50
    busy_valid_days: int = 7
    quiet_valid_days: int = 14
    idle_valid_days: int = 30
    clean_calls: int = 2  # that end a label
    clean_hours_apart: int = 24
    report_days: int = 7  # between the reports of two people that confirm each other
    sample_from: int = 100  # numbers; an account with more has a sample
    tester_days: int = 7
    photo_mb: int = 10
    photo_kept_days: int = 400
    photo_unused_hours: int = 24  # a photo that belongs to no result or report is deleted after this
    called_kept_days: int = 90
    volume_days: int = 7  # of calls that decide how much a number is used
    sample_days: int = 30  # older calls at random are not in the sample
    report_wait_days: int = 30  # so long a report asks for a call
    relook_wait_days: int = 14  # so long after the last of relook_days, a look is still made
    round_hours: int = 24  # a round that nobody ends does so after this
    photo_megapixels: int = 50  # a small file can hold a picture that fills the memory
    photo_max_side: int = 2_000  # pixels; larger photos are made smaller, and labels stay readable
    relook_days: tuple[int, ...] = (3, 7, 14)


def read_test_call_settings(environment: EnvironmentReader) -> TestCallSettings:
    """Errors are recorded in `environment`."""
    read = environment.read
    values = {
        "proven_days": read("int", "TEST_CALL_PROVEN_DAYS", TestCallSettings.proven_days),
        "seconds_per_call": read("int", "TEST_CALL_SECONDS_PER_CALL", TestCallSettings.seconds_per_call),
        "calls_per_week": read("int", "TEST_CALL_CALLS_PER_WEEK", TestCallSettings.calls_per_week),
        "random_one_in": read("int", "TEST_CALL_RANDOM_ONE_IN", TestCallSettings.random_one_in),
        "hold_minutes": read("int", "TEST_CALL_HOLD_MINUTES", TestCallSettings.hold_minutes),
        "claim_minutes": read("int", "TEST_CALL_CLAIM_MINUTES", TestCallSettings.claim_minutes),
        "control_minutes": read("int", "TEST_CALL_CONTROL_MINUTES", TestCallSettings.control_minutes),
        "arrivals_missed": read("int", "TEST_CALL_ARRIVALS_MISSED", TestCallSettings.arrivals_missed),
        "arrivals_days": read("int", "TEST_CALL_ARRIVALS_DAYS", TestCallSettings.arrivals_days),
        "busy_calls_per_day": read("int", "TEST_CALL_BUSY_CALLS_PER_DAY", TestCallSettings.busy_calls_per_day),
        "busy_valid_days": read("int", "TEST_CALL_BUSY_VALID_DAYS", TestCallSettings.busy_valid_days),
        "quiet_valid_days": read("int", "TEST_CALL_QUIET_VALID_DAYS", TestCallSettings.quiet_valid_days),
        "idle_valid_days": read("int", "TEST_CALL_IDLE_VALID_DAYS", TestCallSettings.idle_valid_days),
        "clean_calls": read("int", "TEST_CALL_CLEAN_CALLS", TestCallSettings.clean_calls),
        "clean_hours_apart": read("int", "TEST_CALL_CLEAN_HOURS_APART", TestCallSettings.clean_hours_apart),
        "report_days": read("int", "TEST_CALL_REPORT_DAYS", TestCallSettings.report_days),
        "sample_from": read("int", "TEST_CALL_SAMPLE_FROM", TestCallSettings.sample_from),
        "tester_days": read("int", "TEST_CALL_TESTER_DAYS", TestCallSettings.tester_days),
        "photo_mb": read("int", "TEST_CALL_PHOTO_MB", TestCallSettings.photo_mb),
        "photo_kept_days": read("int", "TEST_CALL_PHOTO_KEPT_DAYS", TestCallSettings.photo_kept_days),
        "photo_unused_hours": read("int", "TEST_CALL_PHOTO_UNUSED_HOURS", TestCallSettings.photo_unused_hours),
        "called_kept_days": read("int", "TEST_CALL_CALLED_KEPT_DAYS", TestCallSettings.called_kept_days),
        "volume_days": read("int", "TEST_CALL_VOLUME_DAYS", TestCallSettings.volume_days),
        "sample_days": read("int", "TEST_CALL_SAMPLE_DAYS", TestCallSettings.sample_days),
        "report_wait_days": read("int", "TEST_CALL_REPORT_WAIT_DAYS", TestCallSettings.report_wait_days),
        "relook_wait_days": read("int", "TEST_CALL_RELOOK_WAIT_DAYS", TestCallSettings.relook_wait_days),
        "round_hours": read("int", "TEST_CALL_ROUND_HOURS", TestCallSettings.round_hours),
        "photo_megapixels": read("int", "TEST_CALL_PHOTO_MEGAPIXELS", TestCallSettings.photo_megapixels),
        "photo_max_side": read("int", "TEST_CALL_PHOTO_MAX_SIDE", TestCallSettings.photo_max_side),
    }
    for name, value in values.items():
        environment.require_minimum(1, f"TEST_CALL_{name.upper()}", value)
    relook = read("list", "TEST_CALL_RELOOK_DAYS", [str(day) for day in TestCallSettings.relook_days])
    is_valid = all(day.strip().isdigit() and int(day) for day in relook)
    environment.require(
        is_valid, f"TEST_CALL_RELOOK_DAYS is {','.join(relook)}; it must be days from 1 on, such as 3,7,14."
    )
    days = tuple(sorted(map(int, relook))) if is_valid else TestCallSettings.relook_days
    assert {*values, "relook_days"} == {field.name for field in fields(TestCallSettings)}
    return TestCallSettings(**values, relook_days=days)


TEST_CALLS = read_test_call_settings(environment)
