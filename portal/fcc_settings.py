"""Settings of the FCC's complaint data, read from the environment. .env.example explains every variable."""

from __future__ import annotations

from dataclasses import dataclass, field

from portal.environment import EnvironmentReader

# A longer list of numbers makes the address of a request longer than some proxies accept.
MAX_BATCH_SIZE = 100
# A batch takes two requests. Both must end before their task is killed (`timeout` of Q_CLUSTER in portal/settings.py).
MAX_TIMEOUT = 30


@dataclass(frozen=True)
class FccSettings:
    fetch: bool
    url: str
    batch_size: int
    requests_per_hour: int
    timeout: float
    check_minutes: int
    app_token: str = field(repr=False)  # a secret: error pages show settings


def read_fcc_settings(environment: EnvironmentReader, *, is_demo: bool) -> FccSettings:
    """Errors are recorded in `environment`. The demo never asks by itself: its numbers belong to nobody."""
    read, require = environment.read, environment.require
    result = FccSettings(
        fetch=read("bool", "FCC_FETCH", not is_demo),
        url=read("str", "FCC_URL", "https://opendata.fcc.gov").rstrip("/"),
        batch_size=read("int", "FCC_BATCH_SIZE", 50),
        requests_per_hour=read("int", "FCC_REQUESTS_PER_HOUR", 400),
        timeout=read("float", "FCC_TIMEOUT", 20.0),
        check_minutes=read("int", "FCC_CHECK_MINUTES", 60),
        app_token=read("str", "FCC_APP_TOKEN", ""),
    )
    require(
        result.url.startswith(("http://", "https://")),
        f"FCC_URL is {result.url}; it must be an address, such as https://opendata.fcc.gov.",
    )
    require(
        1 <= result.batch_size <= MAX_BATCH_SIZE,
        f"FCC_BATCH_SIZE is {result.batch_size}; it must be from 1 to {MAX_BATCH_SIZE}.",
    )
    require(
        result.requests_per_hour >= 10,
        f"FCC_REQUESTS_PER_HOUR is {result.requests_per_hour}; it must be 10 or more. FCC_FETCH=0 asks nothing.",
    )
    require(
        1 <= result.timeout <= MAX_TIMEOUT,
        f"FCC_TIMEOUT is {result.timeout:g}; it must be from 1 to {MAX_TIMEOUT} seconds.",
    )
    require(
        result.check_minutes >= 60,
        f"FCC_CHECK_MINUTES is {result.check_minutes}; it must be 60 or more.",
    )
    require(
        result.app_token.isascii() and (result.app_token.isprintable() and " " not in result.app_token),
        "FCC_APP_TOKEN has characters that no token has, such as a space.",
    )
    return result
