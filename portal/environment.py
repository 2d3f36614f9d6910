"""What the environment says, read once, and refused at start when a production portal could not run on it."""

from pathlib import Path
from typing import Any

import environ
from django.core.exceptions import ImproperlyConfigured

BASE_DIR = Path(__file__).resolve().parent.parent

env = environ.FileAwareEnv()
env.read_env(BASE_DIR / ".env")

DEMO_SECRET_KEY = "only-for-the-demo-and-for-development-never-for-a-portal-that-others-can-reach"


class EnvironmentReader:
    """Collects everything that is wrong with the environment, so that one start names all of it."""

    def __init__(self) -> None:
        self.found: list[str] = []

    def read(self, kind: str, name: str, default: Any) -> Any:
        """The variable `name` read as environ's `kind` (str, bool, int, float, list, db_url, email_url).

        A value that cannot be read as that kind is noted, and the default returned.
        """
        try:
            if kind == "bool":
                return _parse_bool(env.str(name, default=str(default)))
            return getattr(env, kind)(name, default=default)
        except (ValueError, ImproperlyConfigured) as error:
            self.found.append(f"{name} cannot be read: {error}.")
            return default if "url" not in kind else {}

    def at_least(self, least: int, name: str, value: int) -> int:
        """The value, noted where it is less than makes sense."""
        self.require(value >= least, f"{name} is {value}; it must be {least} or more.")
        return value

    def require(self, held: bool, sentence: str) -> None:
        """Notes the sentence unless what it asks for holds."""
        if not held:
            self.found.append(sentence)

    def stop_if_any(self) -> None:
        """Raises ImproperlyConfigured with every problem, one a line."""
        if self.found:
            lines = "\n".join(f"  - {sentence}" for sentence in self.found)
            raise ImproperlyConfigured(
                f"The portal cannot start with this environment:\n{lines}\n"
                "Every variable is explained in .env.example; `make demo` needs none of them."
            )


def _parse_bool(text: str) -> bool:
    """environ takes whatever it does not know for no: a mistyped yes would go unnoticed."""
    said = text.strip().lower()
    if said in env.BOOLEAN_TRUE_STRINGS:
        return True
    if said in ("", "false", "off", "no", "n", "0"):
        return False
    raise ValueError(f"{text!r} is neither 1 nor 0")
