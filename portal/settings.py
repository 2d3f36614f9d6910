"""All settings, read from the environment (or a .env file); .env.example explains every variable.

`DEMO=1` is for one's own machine: it fills in what production must be told, and a day of the service lasts 20 seconds.
"""

from datetime import timedelta
from pathlib import Path

from csp.constants import NONE, SELF

from portal.environment import BASE_DIR, DEMO_SECRET_KEY, EnvironmentReader

problems = EnvironmentReader()
read = problems.read

DEMO = read("bool", "DEMO", False)
DEBUG = read("bool", "DEBUG", False)

# Where the portal is reached, and its secrets

SECRET_KEY = read("str", "SECRET_KEY", DEMO_SECRET_KEY if DEMO else "")
SECRET_KEY_FALLBACKS = read("list", "SECRET_KEY_FALLBACKS", [])
ALLOWED_HOSTS = read("list", "ALLOWED_HOSTS", ["localhost", "127.0.0.1", "[::1]"] if DEMO else [])
PUBLIC_URL = read("str", "PUBLIC_URL", "http://127.0.0.1:8000" if DEMO else "").rstrip("/")
SERVED_BY_TLS = PUBLIC_URL.startswith("https://")
CSRF_TRUSTED_ORIGINS = [PUBLIC_URL] if SERVED_BY_TLS else []

problems.require(
    DEMO or (len(SECRET_KEY) >= 50 and SECRET_KEY != DEMO_SECRET_KEY),
    "SECRET_KEY is missing or shorter than 50 characters. Make one with: "
    "python3 -c 'import secrets; print(secrets.token_urlsafe(50))'.",
)
problems.require(bool(ALLOWED_HOSTS), "ALLOWED_HOSTS is missing: the host names the portal answers to, with commas.")
problems.require(
    PUBLIC_URL.startswith(("http://", "https://")),
    "PUBLIC_URL is missing or has no scheme: the address people open, such as https://numbers.example.com; "
    "links in mails begin with it.",
)
problems.require(
    DEMO or not PUBLIC_URL.startswith("http://") or read("bool", "ALLOW_PLAIN_HTTP", False),
    "PUBLIC_URL is not https. Passwords would travel in the open; ALLOW_PLAIN_HTTP=1 says that this is meant.",
)
problems.require(DEMO or not DEBUG, "DEBUG shows settings and data to anyone; it needs DEMO=1, on your own machine.")

# Files and database

DATA_DIR = Path(read("str", "DATA_DIR", str(BASE_DIR / "data")))
DATABASES = {"default": read("db_url", "DATABASE_URL", f"sqlite:///{DATA_DIR / 'portal.sqlite3'}")}
DATABASES["default"]["CONN_MAX_AGE"] = None
DATABASES["default"]["ATOMIC_REQUESTS"] = False
if DATABASES["default"].get("ENGINE") == "django.db.backends.sqlite3":
    # Writers take the lock when they begin and readers never wait (WAL): anything else ends in "database is locked"
    # for whoever reads before writing. NORMAL may lose the last commits on power loss, but never corrupts the file.
    # Of pages 16 MB are kept: with 64, enabling a number takes a tenth less, and a worker twice the memory. What is
    # needed to take a statement back goes to a file, as by default: in memory (temp_store) it grew with the database,
    # to 146 instead of 94 MB for an import of a million lines.
    DATABASES["default"]["OPTIONS"] = {
        "timeout": 20,
        "transaction_mode": "IMMEDIATE",
        "init_command": "PRAGMA journal_mode=WAL; PRAGMA synchronous=NORMAL; PRAGMA journal_size_limit=67108864; "
        "PRAGMA cache_size=-16000; PRAGMA mmap_size=134217728",
    }
    # A file, because tests with processes and threads see the same rows through it.
    DATABASES["default"]["TEST"] = {"NAME": str(DATA_DIR / "test.sqlite3")}
else:
    DATABASES["default"]["CONN_HEALTH_CHECKS"] = True
    problems.require(
        DATABASES["default"].get("ENGINE") in (None, "django.db.backends.postgresql"),
        "DATABASE_URL is for another database than SQLite or PostgreSQL, such as "
        "postgres://portal:password@127.0.0.1:5432/portal.",
    )
DEFAULT_AUTO_FIELD = "django.db.models.BigAutoField"

CACHES = {
    "default": {"BACKEND": "django.core.cache.backends.locmem.LocMemCache"},
    "qstat": {"BACKEND": "django.core.cache.backends.filebased.FileBasedCache", "LOCATION": DATA_DIR / "qstat"},
}

MEDIA_ROOT = DATA_DIR / "uploads"
STATIC_URL = "static/"
STATIC_ROOT = DATA_DIR / "staticfiles"
STATICFILES_DIRS = [BASE_DIR / "static"]
STORAGES = {
    "default": {"BACKEND": "django.core.files.storage.FileSystemStorage"},
    "staticfiles": {
        "BACKEND": "django.contrib.staticfiles.storage.StaticFilesStorage"
        if DEBUG
        else "whitenoise.storage.CompressedManifestStaticFilesStorage"
    },
}
FILE_UPLOAD_HANDLERS = [
    "portal.upload_handler.SizeLimitUploadHandler",
    "django.core.files.uploadhandler.TemporaryFileUploadHandler",
]
UPLOAD_LIMIT_MB = problems.at_least(1, "UPLOAD_LIMIT_MB", read("int", "UPLOAD_LIMIT_MB", 100))
DATA_UPLOAD_MAX_MEMORY_SIZE = 5 * 1024 * 1024
DATA_UPLOAD_MAX_NUMBER_FIELDS = 5_000

# Applications

INSTALLED_APPS = [
    "reputation",
    "enrollment",
    "portal",
    "django.contrib.admin",
    "django.contrib.auth",
    "django.contrib.contenttypes",
    "django.forms",
    "django.contrib.humanize",
    "django.contrib.messages",
    "django.contrib.sessions",
    "whitenoise.runserver_nostatic",
    "django.contrib.staticfiles",
    "csp",
    "django_htmx",
    "django_q",
]
MIDDLEWARE = [
    "django.middleware.security.SecurityMiddleware",
    "portal.api.problems.problem_details_middleware",
    "csp.middleware.CSPMiddleware",
    "whitenoise.middleware.WhiteNoiseMiddleware",
    "django.contrib.sessions.middleware.SessionMiddleware",
    "django.middleware.common.CommonMiddleware",
    "django.middleware.csrf.CsrfViewMiddleware",
    "django.contrib.auth.middleware.AuthenticationMiddleware",
    "django.contrib.messages.middleware.MessageMiddleware",
    "django.middleware.clickjacking.XFrameOptionsMiddleware",
    "django_htmx.middleware.HtmxMiddleware",
    "portal.middleware.method_not_allowed_middleware",
]
ROOT_URLCONF = "portal.urls"
WSGI_APPLICATION = "portal.wsgi.application"
TEMPLATES = [
    {
        "BACKEND": "django.template.backends.django.DjangoTemplates",
        "DIRS": [BASE_DIR / "templates"],
        "APP_DIRS": True,
        "OPTIONS": {
            "context_processors": [
                "django.template.context_processors.request",
                "django.contrib.auth.context_processors.auth",
                "django.contrib.messages.context_processors.messages",
                "portal.navigation.menu",
            ],
            "builtins": [
                "portal.templatetags.formatting",
                "reputation.templatetags.reputation_tags",
                "django.templatetags.static",
                "django.contrib.humanize.templatetags.humanize",
            ],
        },
    },
]
FORM_RENDERER = "portal.form_renderer.FormRenderer"

# People

AUTH_USER_MODEL = "portal.User"
AUTHENTICATION_BACKENDS = ["django.contrib.auth.backends.ModelBackend"]
AUTH_PASSWORD_VALIDATORS = [
    {"NAME": "django.contrib.auth.password_validation.UserAttributeSimilarityValidator"},
    {"NAME": "django.contrib.auth.password_validation.MinimumLengthValidator", "OPTIONS": {"min_length": 10}},
    {"NAME": "django.contrib.auth.password_validation.CommonPasswordValidator"},
]
LOGIN_URL = "sign-in"
LOGIN_REDIRECT_URL = "overview"
LOGOUT_REDIRECT_URL = "sign-in"
MESSAGE_STORAGE = "django.contrib.messages.storage.session.SessionStorage"

LANGUAGE_CODE = "en-us"
TIME_ZONE = "UTC"
USE_TZ = True
USE_I18N = False  # in English only: nothing is translated, and each figure on a page is drawn the quicker
USE_THOUSAND_SEPARATOR = False  # else an id in a page reads 16,100; counts say |intcomma

# Mail

EMAIL_URL = read("str", "EMAIL_URL", "consolemail://" if DEMO else "")
problems.require(
    bool(EMAIL_URL),
    "EMAIL_URL is missing: where mail is handed in, such as smtp+tls://user:password@mail.example.com:587.",
)
vars().update(read("email_url", "EMAIL_URL", EMAIL_URL) if EMAIL_URL else {})
EMAIL_TIMEOUT = 20
DEFAULT_FROM_EMAIL = read("str", "DEFAULT_FROM_EMAIL", "Number Reputation <portal@localhost>" if DEMO else "")
SERVER_EMAIL = DEFAULT_FROM_EMAIL
problems.require(bool(DEFAULT_FROM_EMAIL), "DEFAULT_FROM_EMAIL is missing: the address the portal's mails come from.")
SUPPORT_EMAIL = read("str", "SUPPORT_EMAIL", "")
REVIEWER_EMAILS = read("list", "REVIEWER_EMAILS", [])

# Security

SESSION_COOKIE_SECURE = CSRF_COOKIE_SECURE = SECURE_SSL_REDIRECT = SERVED_BY_TLS
SESSION_COOKIE_HTTPONLY = True
SECURE_HSTS_SECONDS = 31_536_000 if SERVED_BY_TLS else 0
SECURE_HSTS_INCLUDE_SUBDOMAINS = SECURE_HSTS_PRELOAD = SERVED_BY_TLS
if read("bool", "BEHIND_PROXY", False):
    SECURE_PROXY_SSL_HEADER = ("HTTP_X_FORWARDED_PROTO", "https")
SECURE_REFERRER_POLICY = "same-origin"
X_FRAME_OPTIONS = "DENY"
CONTENT_SECURITY_POLICY = {
    "DIRECTIVES": {
        "default-src": [NONE],
        "script-src": [SELF],
        "style-src": [SELF],
        "img-src": [SELF, "data:"],
        "font-src": [SELF],
        "connect-src": [SELF],
        "form-action": [SELF],
        "frame-ancestors": [NONE],
        "base-uri": [NONE],
    }
}

# The service

# How long a day of the service lasts: look-ups, verification, deadlines and the simulated engines count in such days.
SERVICE_DAY = timedelta(seconds=read("float", "DAY_SECONDS", 20.0 if DEMO else 86_400.0))
problems.require(
    DEMO or timedelta(days=1) == SERVICE_DAY,
    "DAY_SECONDS is for the demo and for tests; in production a day has 86400 seconds.",
)
# What makes the demo's data: called with `now`, returns who can sign in (portal.demonstration.SignIn).
DEMO_DATA_LOADER = "reputation.demo.data.seed"
PROVIDERS = read("list", "PROVIDERS", ["simulated", "complaints"] if DEMO else ["complaints"])
SIMULATED_SEED = read("str", "SIMULATED_SEED", "demo")
SIMULATED_DIR = DATA_DIR / "simulated"
# Of how many of the dialer's questions one is recorded for the figures: 1 for all, 0 for none.
RECORD_DECISIONS = problems.at_least(0, "RECORD_DECISIONS", read("int", "RECORD_DECISIONS", 1))
COMPLAINTS_THRESHOLD = read("int", "COMPLAINTS_THRESHOLD", 3)
COMPLAINTS_WINDOW_DAYS = read("int", "COMPLAINTS_WINDOW_DAYS", 30)
CHECKS_KEPT_DAYS = read("int", "CHECKS_KEPT_DAYS", 400)
# Webhooks go to public addresses only; in the demo also to one's own machine.
WEBHOOK_PRIVATE_ADDRESSES = read("bool", "WEBHOOK_PRIVATE_ADDRESSES", DEMO)

# Requests that an API key may make in a minute: reading and writing, and asking which caller ID to show. 0: no limit.
API_RATE_LIMIT = problems.at_least(0, "API_RATE_LIMIT", read("int", "API_RATE_LIMIT", 600))
API_MATCH_RATE_LIMIT = problems.at_least(0, "API_MATCH_RATE_LIMIT", read("int", "API_MATCH_RATE_LIMIT", 60_000))

# Tasks: docs of django-q2, and what it does when processes die. State, due time and lease live in our own rows;
# the queue is a hint that may come twice, late or never.
# `retry` must exceed (timeout + 3) * (1 + ceil((queue_limit + bulk) / workers)), or a waiting task runs twice.
Q_CLUSTER = {
    "name": "portal",
    "orm": "default",
    "workers": problems.at_least(1, "WORKERS", read("int", "WORKERS", 2)),
    "timeout": 120,
    "retry": 600,
    "queue_limit": 2,
    "bulk": 1,
    "poll": 0.5 if DEMO else 1,
    "catch_up": False,
    "ack_failures": True,
    "max_attempts": 1,
    "save_limit": -1,
    "recycle": 500,
    "max_rss": 300_000,
    "time_zone": "UTC",
    "cache": "qstat",
    "label": "Tasks",
    "ALT_CLUSTERS": {},
}
# How many processes share what one sweep finds due, on PostgreSQL. One worker of a cluster stays free for the rest.
SWEEPERS = problems.at_least(1, "SWEEPERS", read("int", "SWEEPERS", max(Q_CLUSTER["workers"] - 1, 1)))
if Q_BROKER_URL := read("str", "Q_BROKER_URL", ""):
    problems.require(
        Q_BROKER_URL.startswith(("redis://", "rediss://", "unix://")),
        "Q_BROKER_URL is not the address of a Redis, such as redis://127.0.0.1:6379/0.",
    )
    # Whoever tells a Redis that does not answer waits a second, and goes on: the schedules find the work.
    waits = "socket_connect_timeout=1&socket_timeout=5"
    Q_CLUSTER |= {"redis": f"{Q_BROKER_URL}{'&' if '?' in Q_BROKER_URL else '?'}{waits}", "orm": None}

LOG_LEVEL = read("str", "LOG_LEVEL", "INFO").upper()
problems.require(
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
        # The demo's day is short: its tasks begin every few seconds, and mails would be lost among them.
        "django-q": {"level": "WARNING" if DEMO else LOG_LEVEL},
    },
}

problems.stop_if_any()
