"""What the demo command prints about the demo data. DEMO_DATA_LOADER names the function that creates the data."""

from dataclasses import dataclass


@dataclass(frozen=True)
class DemoLogin:
    """An account to sign in with. `start_path` is where the person works, if not on the portal's first page."""

    email: str
    password: str
    description: str
    start_path: str = ""


@dataclass(frozen=True)
class DemoData:
    """The accounts to sign in with, and an API key with its purpose."""

    logins: list[DemoLogin]
    api_key: str
    api_key_purpose: str
