"""What the portal logs, and in which form. Part of portal/settings.py.

deploy/gunicorn.conf.py uses LOGGING as well, so that gunicorn's own lines have the same form.
"""

from portal.environment import environment
from portal.logs.formatters import FORMATS

__all__ = ["LOGGING", "LOG_FORMAT", "LOG_LEVEL"]

read = environment.read
_IS_DEMO = read("bool", "DEMO", False)

LOG_LEVEL = read("str", "LOG_LEVEL", "INFO").upper()
environment.require(
    LOG_LEVEL in ("DEBUG", "INFO", "WARNING", "ERROR", "CRITICAL"),
    f"LOG_LEVEL is {LOG_LEVEL}; it must be DEBUG, INFO, WARNING, ERROR or CRITICAL.",
)
LOG_FORMAT = read("str", "LOG_FORMAT", "plain").lower()
environment.require(LOG_FORMAT in FORMATS, f"LOG_FORMAT is {LOG_FORMAT}; it must be plain, json or journal.")

_CONSOLE = {
    "class": "portal.logs.handler.ConsoleHandler",
    "formatter": "line",
    "filters": ["quiet_refusals"],
    "is_journal": LOG_FORMAT == "journal",
}
LOGGING = {
    "version": 1,
    "disable_existing_loggers": False,
    "formatters": {"line": {"()": "portal.logs.formatters.create_formatter", "kind": LOG_FORMAT}},
    "filters": {"quiet_refusals": {"()": "portal.logs.refusals.QuietRefusals"}},
    "handlers": {"console": _CONSOLE, "access": {**_CONSOLE, "stream": "ext://sys.stdout"}},
    "root": {"handlers": ["console"], "level": "WARNING"},
    "loggers": {
        **{name: {"level": LOG_LEVEL} for name in ("portal", "enrollment", "reputation")},
        # Tasks of the demo start every few seconds: their lines would hide the mails.
        "django-q": {"level": "WARNING" if _IS_DEMO else LOG_LEVEL},
        # Without Django's own handlers, which would write a line a second time, and in another form.
        "django": {"level": "INFO", "handlers": []},
        "django.server": {"level": "INFO", "handlers": ["console"], "propagate": False},
        "gunicorn.error": {"level": "INFO", "handlers": ["console"], "propagate": False},
        "gunicorn.access": {"level": "INFO", "handlers": ["access"], "propagate": False},
    },
}
