"""What the demo command prints about the demo data. DEMO_DATA_LOADER names the function that creates the data."""

from dataclasses import dataclass


@dataclass(frozen=True)
class DemoLogin:
    """Somebody to sign in as: `who` in words; `path` where they work, if it is not the portal's first page."""

    email: str
    password: str
    who: str
    path: str = ""


@dataclass(frozen=True)
class DemoData:
    """Who can sign in, and the token of an API key with what it is for."""

    sign_ins: list[DemoLogin]
    api_key: str
    api_key_is_for: str
