"""Settings of the automatic download of the FTC's complaint files (reputation/ftc/). Part of portal/settings.py."""

from portal.environment import environment

__all__ = [
    "FTC_FETCH",
    "FTC_INDEX_URL",
    "FTC_MAX_FILE_MB",
    "FTC_PAUSE_SECONDS",
    "FTC_PUBLISHED_BY_HOUR",
    "FTC_RETRY_HOURS",
    "FTC_TIMEOUT_SECONDS",
]

read = environment.read
_IS_DEMO = read("bool", "DEMO", False)
# A download must end before its task is killed: `timeout` of Q_CLUSTER in portal/settings.py.
_MAX_TIMEOUT_SECONDS = 75

FTC_FETCH = read("bool", "FTC_FETCH", not _IS_DEMO)
FTC_INDEX_URL = read(
    "str", "FTC_INDEX_URL", "https://www.ftc.gov/policy-notices/open-government/data-sets/do-not-call-data"
)
FTC_PUBLISHED_BY_HOUR = read("int", "FTC_PUBLISHED_BY_HOUR", 12)
FTC_PAUSE_SECONDS = read("float", "FTC_PAUSE_SECONDS", 2.0)
FTC_TIMEOUT_SECONDS = read("float", "FTC_TIMEOUT_SECONDS", 60.0)
FTC_MAX_FILE_MB = environment.require_minimum(1, "FTC_MAX_FILE_MB", read("int", "FTC_MAX_FILE_MB", 50))
FTC_RETRY_HOURS = read("float", "FTC_RETRY_HOURS", 2.0)

environment.require(
    _IS_DEMO or FTC_INDEX_URL.startswith("https://"),
    "FTC_INDEX_URL is not https. Files that travel in the open can be changed on the way.",
)
environment.require(
    0 <= FTC_PUBLISHED_BY_HOUR <= 23,
    f"FTC_PUBLISHED_BY_HOUR is {FTC_PUBLISHED_BY_HOUR}; it must be an hour from 0 to 23.",
)
environment.require(FTC_PAUSE_SECONDS >= 0, f"FTC_PAUSE_SECONDS is {FTC_PAUSE_SECONDS}; it must be 0 or more.")
environment.require(
    0 < FTC_TIMEOUT_SECONDS <= _MAX_TIMEOUT_SECONDS,
    f"FTC_TIMEOUT_SECONDS is {FTC_TIMEOUT_SECONDS}; it must be more than 0, and at most {_MAX_TIMEOUT_SECONDS}.",
)
environment.require(FTC_RETRY_HOURS > 0, f"FTC_RETRY_HOURS is {FTC_RETRY_HOURS}; it must be more than 0.")
