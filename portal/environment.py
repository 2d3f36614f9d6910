"""Read settings from the environment, and refuse to start if a production portal cannot run with them."""

from pathlib import Path
from typing import Any

import environ
from django.core.exceptions import ImproperlyConfigured

BASE_DIR = Path(__file__).resolve().parent.parent

env = environ.FileAwareEnv()
env.read_env(BASE_DIR / ".env")

DEMO_SECRET_KEY = "only-for-the-demo-and-for-development-never-for-a-portal-that-others-can-reach"


class EnvironmentReader:
    """Reads variables and collects every error, so that one failed start names all of them."""

    def __init__(self) -> None:
        self.errors: list[str] = []

    def read(self, kind: str, name: str, default: Any) -> Any:
        """Return the variable `name`, parsed as environ's `kind` (str, bool, int, float, list, db_url, email_url).

        A value that cannot be parsed is recorded as an error, and the default is returned.
        """
        try:
            if kind == "bool":
                return _parse_bool(env.str(name, default=str(default)))
            return getattr(env, kind)(name, default=default)
        except (ValueError, ImproperlyConfigured) as error:
            self.errors.append(f"{name} cannot be read: {error}.")
            return default if "url" not in kind else {}

    def require_minimum(self, minimum: int, name: str, value: int) -> int:
        """Return the value. A value below the minimum is recorded as an error."""
        self.require(value >= minimum, f"{name} is {value}; it must be {minimum} or more.")
        return value

    def require(self, condition: bool, error: str) -> None:
        """Record the error unless the condition is true."""
        if not condition:
            self.errors.append(error)

    def raise_errors(self) -> None:
        """Raise ImproperlyConfigured with every error, one a line."""
        if self.errors:
            lines = "\n".join(f"  - {error}" for error in self.errors)
            raise ImproperlyConfigured(
                f"The portal cannot start with this environment:\n{lines}\n"
                "Every variable is explained in .env.example; `make demo` needs none of them."
            )


def _parse_bool(text: str) -> bool:
    """Stricter than environ, which reads every unknown word as false: a mistyped yes would go unnoticed."""
    word = text.strip().lower()
    if word in env.BOOLEAN_TRUE_STRINGS:
        return True
    if word in ("", "false", "off", "no", "n", "0"):
        return False
    raise ValueError(f"{text!r} is neither 1 nor 0")


# Shared by all modules of settings, so that one failed start names the errors of all.
environment = EnvironmentReader()
