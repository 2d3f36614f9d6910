"""What the portal logs, and in which form. Part of portal/settings.py."""

from portal.environment import environment

__all__ = ["LOGGING", "LOG_LEVEL"]

read = environment.read
_IS_DEMO = read("bool", "DEMO", False)

LOG_LEVEL = read("str", "LOG_LEVEL", "INFO").upper()
environment.require(
    LOG_LEVEL in ("DEBUG", "INFO", "WARNING", "ERROR", "CRITICAL"),
    f"LOG_LEVEL is {LOG_LEVEL}; it must be DEBUG, INFO, WARNING, ERROR or CRITICAL.",
)
LOGGING = {
    "version": 1,
    "disable_existing_loggers": False,
    "formatters": {"line": {"format": "{asctime} {levelname} {name}: {message}", "style": "{"}},
    "handlers": {"console": {"class": "logging.StreamHandler", "formatter": "line"}},
    "root": {"handlers": ["console"], "level": "WARNING"},
    "loggers": {
        **{name: {"level": LOG_LEVEL} for name in ("portal", "enrollment", "reputation")},
        # Tasks of the demo start every few seconds: their lines would hide the mails.
        "django-q": {"level": "WARNING" if _IS_DEMO else LOG_LEVEL},
    },
}
