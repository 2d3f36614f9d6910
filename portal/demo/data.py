"""What the demo's data has to say to the command that starts it; the data itself is another app's (DEMO_SEED)."""

from dataclasses import dataclass


@dataclass(frozen=True)
class SignIn:
    """Somebody to sign in as: `who` in words; `path` where they work, if it is not the portal's first page."""

    email: str
    password: str
    who: str
    path: str = ""


@dataclass(frozen=True)
class Demonstration:
    """Who can sign in, and the token of an API key with what it is for."""

    sign_ins: list[SignIn]
    api_key: str
    api_key_is_for: str
