"""All settings, read from the environment or a .env file. .env.example explains every variable.

`DEMO=1` is for your own machine: required variables get defaults, and a day of the service lasts 20 seconds.
"""

from datetime import timedelta
from pathlib import Path

from portal.authentication_settings import *  # noqa: F403
from portal.desk_settings import DESKS  # noqa: F401
from portal.encryption import is_key
from portal.environment import BASE_DIR, DEMO_SECRET_KEY, environment
from portal.fcc_settings import read_fcc_settings
from portal.ftc_settings import *  # noqa: F403
from portal.header_settings import *  # noqa: F403
from portal.logging_settings import *  # noqa: F403
from portal.logs.masking import add_secrets
from portal.observation_settings import *  # noqa: F403
from portal.openid_connect_settings import *  # noqa: F403
from portal.queue_settings import *  # noqa: F403
from portal.queue_settings import Q_BROKER_URL
from portal.test_call_settings import TEST_CALLS  # noqa: F401
from portal.tls_settings import check_tls

read = environment.read

DEMO = read("bool", "DEMO", False)
DEBUG = read("bool", "DEBUG", False)

# Where the portal is reached, and its secrets

SECRET_KEY = read("str", "SECRET_KEY", DEMO_SECRET_KEY if DEMO else "")
SECRET_KEY_FALLBACKS = read("list", "SECRET_KEY_FALLBACKS", [])
ENCRYPTION_KEYS = read("list", "ENCRYPTION_KEYS", [])
ALLOWED_HOSTS = read("list", "ALLOWED_HOSTS", ["localhost", "127.0.0.1", "[::1]"] if DEMO else [])
PUBLIC_URL = read("str", "PUBLIC_URL", "http://localhost:8000" if DEMO else "").rstrip("/")
USES_HTTPS = PUBLIC_URL.startswith("https://")
CSRF_TRUSTED_ORIGINS = [PUBLIC_URL] if USES_HTTPS else []

environment.require(
    DEMO or (len(SECRET_KEY) >= 50 and SECRET_KEY != DEMO_SECRET_KEY),
    "SECRET_KEY is missing or shorter than 50 characters. Make one with: "
    "python3 -c 'import secrets; print(secrets.token_urlsafe(50))'.",
)
environment.require(
    all(map(is_key, ENCRYPTION_KEYS)),
    "ENCRYPTION_KEYS has a key that is not 32 bytes in base64. Make one with: "
    "python3 -c 'import base64, secrets; print(base64.urlsafe_b64encode(secrets.token_bytes(32)).decode())'.",
)
environment.require(bool(ALLOWED_HOSTS), "ALLOWED_HOSTS is missing: the host names the portal answers to, with commas.")
environment.require(
    PUBLIC_URL.startswith(("http://", "https://")),
    "PUBLIC_URL is missing or has no scheme: the address people open, such as https://numbers.example.com; "
    "links in mails begin with it.",
)
environment.require(
    DEMO or not PUBLIC_URL.startswith("http://") or read("bool", "ALLOW_PLAIN_HTTP", False),
    "PUBLIC_URL is not https. Passwords would travel in the open; ALLOW_PLAIN_HTTP=1 says that this is meant.",
)
environment.require(DEMO or not DEBUG, "DEBUG shows settings and data to anyone; it needs DEMO=1, on your own machine.")

# Files and database

DATA_DIR = Path(read("str", "DATA_DIR", str(BASE_DIR / "data")))
DATABASES = {"default": read("db_url", "DATABASE_URL", f"sqlite:///{DATA_DIR / 'portal.sqlite3'}")}
DATABASES["default"]["CONN_MAX_AGE"] = None
DATABASES["default"]["ATOMIC_REQUESTS"] = False
_POSTGRESQL = "django.db.backends.postgresql"
if DATABASES["default"].get("ENGINE") == "django.db.backends.sqlite3":
    # IMMEDIATE takes the write lock when a transaction begins: a transaction that reads first and writes later would
    # fail with "database is locked". With WAL, readers never wait. synchronous=NORMAL may lose the last commits on a
    # power loss, but never corrupts the file. cache_size is 16 MB: 64 MB make enabling a number 10 % faster and double
    # the memory of a worker. temp_store stays on disk: in memory, an import of a million lines took 146 MB, not 94.
    DATABASES["default"]["OPTIONS"] = {
        "timeout": 20,
        "transaction_mode": "IMMEDIATE",
        "init_command": "PRAGMA journal_mode=WAL; PRAGMA synchronous=NORMAL; PRAGMA journal_size_limit=67108864; "
        "PRAGMA cache_size=-16000; PRAGMA mmap_size=134217728",
    }
    # A file, so that the processes and threads of tests share it.
    DATABASES["default"]["TEST"] = {"NAME": str(DATA_DIR / "test.sqlite3")}
else:
    DATABASES["default"]["CONN_HEALTH_CHECKS"] = True
    environment.require(
        DATABASES["default"].get("ENGINE") in (None, _POSTGRESQL),
        "DATABASE_URL is for another database than SQLite or PostgreSQL, such as "
        "postgres://portal:password@127.0.0.1:5432/portal.",
    )
# The owner of the tables, if that is another role than the portal's: see portal/db/owner.py.
MIGRATE_DATABASE = read("db_url", "MIGRATE_DATABASE_URL", "") if read("str", "MIGRATE_DATABASE_URL", "") else {}
environment.require(
    not MIGRATE_DATABASE or MIGRATE_DATABASE["ENGINE"] == DATABASES["default"].get("ENGINE") == _POSTGRESQL,
    "MIGRATE_DATABASE_URL is for PostgreSQL, with the owner of the tables of the database in DATABASE_URL.",
)
DEFAULT_AUTO_FIELD = "django.db.models.BigAutoField"

# Statistics of the task cluster.
QSTAT_DIR = DATA_DIR / "qstat"
CACHES = {
    # Shared by all processes: django-allauth notes here which codes of second factors were used.
    "default": {
        "BACKEND": "django.core.cache.backends.db.DatabaseCache",
        "LOCATION": "portal_cache",
        "OPTIONS": {"MAX_ENTRIES": 100_000},
    },
    "qstat": {"BACKEND": "django.core.cache.backends.filebased.FileBasedCache", "LOCATION": QSTAT_DIR},
}

MEDIA_ROOT = DATA_DIR / "uploads"
# Django's default lets every user of the machine read uploads.
FILE_UPLOAD_PERMISSIONS = 0o640
FILE_UPLOAD_DIRECTORY_PERMISSIONS = 0o750
STATIC_URL = "static/"
STATIC_ROOT = DATA_DIR / "staticfiles"
STATICFILES_DIRS = [BASE_DIR / "static"]
STORAGES = {
    "default": {"BACKEND": "portal.files.storage.WholeFileStorage"},
    "staticfiles": {
        "BACKEND": "django.contrib.staticfiles.storage.StaticFilesStorage"
        if DEBUG
        else "whitenoise.storage.CompressedManifestStaticFilesStorage"
    },
}
FILE_UPLOAD_HANDLERS = [
    "portal.upload_handler.SizeLimitUploadHandler",
    "portal.upload_handler.WholeFileUploadHandler",
]
UPLOAD_LIMIT_MB = environment.require_minimum(1, "UPLOAD_LIMIT_MB", read("int", "UPLOAD_LIMIT_MB", 100))
DATA_UPLOAD_MAX_MEMORY_SIZE = 5 * 1024 * 1024
DATA_UPLOAD_MAX_NUMBER_FIELDS = 5_000
# With less space in DATA_DIR, in millions of bytes, /readyz says that the disk is full.
MIN_FREE_DISK_MB = environment.require_minimum(0, "MIN_FREE_DISK_MB", read("int", "MIN_FREE_DISK_MB", 500))
# Who has it may read /metrics from another machine. Empty: nobody.
METRICS_TOKEN = read("str", "METRICS_TOKEN", "")
environment.require(len(METRICS_TOKEN) >= 20 or not METRICS_TOKEN, "METRICS_TOKEN is shorter than 20 characters.")
MAX_UNCONFIRMED_IMPORTS = 20  # of an account

# Applications

INSTALLED_APPS = [
    "reputation",
    "enrollment",
    "portal",
    "portal.admin_config.PortalAdminConfig",
    "django.contrib.auth",
    "django.contrib.contenttypes",
    "django.forms",
    "django.contrib.humanize",
    "django.contrib.messages",
    "django.contrib.sessions",
    "allauth",
    "allauth.account",
    "allauth.mfa",
    "allauth.socialaccount",
    "allauth.usersessions",
    "whitenoise.runserver_nostatic",
    "django.contrib.staticfiles",
    "csp",
    "django_htmx",
    "django_q",
]
MIDDLEWARE = [
    "portal.logs.context.request_id_middleware",
    "portal.health.middleware.health_middleware",
    "portal.metrics.middleware.metrics_middleware",
    "django.middleware.security.SecurityMiddleware",
    "django_permissions_policy.PermissionsPolicyMiddleware",
    "portal.middleware.privacy_headers_middleware",
    "portal.api.problems.problem_details_middleware",
    "csp.middleware.CSPMiddleware",
    "whitenoise.middleware.WhiteNoiseMiddleware",
    "django.contrib.sessions.middleware.SessionMiddleware",
    "django.middleware.common.CommonMiddleware",
    "portal.body_limits.BodyLimitMiddleware",  # before the CSRF check, which reads the body
    "django.middleware.csrf.CsrfViewMiddleware",
    "django.contrib.auth.middleware.AuthenticationMiddleware",
    "allauth.account.middleware.AccountMiddleware",
    "django.contrib.messages.middleware.MessageMiddleware",
    "portal.authentication.middleware.session_limits_middleware",
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
                "portal.templatetags.components",
                "portal.templatetags.operations",
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
MESSAGE_STORAGE = "django.contrib.messages.storage.session.SessionStorage"

TIME_ZONE = "UTC"
USE_TZ = True
USE_I18N = False  # English only, and numbers on pages render faster
USE_THOUSAND_SEPARATOR = False  # ids would read 16,100; templates format counts with |intcomma

# Mail

EMAIL_URL = read("str", "EMAIL_URL", "consolemail://" if DEMO else "")
environment.require(
    bool(EMAIL_URL),
    "EMAIL_URL is missing: where mail is handed in, such as smtp+tls://user:password@mail.example.com:587.",
)
MAIL_SETTINGS = read("email_url", "EMAIL_URL", EMAIL_URL) if EMAIL_URL else {}
vars().update(MAIL_SETTINGS)
check_tls(
    environment,
    databases={"DATABASE_URL": DATABASES["default"], "MIGRATE_DATABASE_URL": MIGRATE_DATABASE},
    broker_url=Q_BROKER_URL,
    mail=MAIL_SETTINGS,
)
EMAIL_TIMEOUT = 20
MAIL_PER_SECOND = environment.require_minimum(0, "MAIL_PER_SECOND", read("int", "MAIL_PER_SECOND", 0))
DEFAULT_FROM_EMAIL = read("str", "DEFAULT_FROM_EMAIL", "Number Reputation <portal@localhost>" if DEMO else "")
SERVER_EMAIL = DEFAULT_FROM_EMAIL
environment.require(bool(DEFAULT_FROM_EMAIL), "DEFAULT_FROM_EMAIL is missing: where the portal's mails come from.")
SUPPORT_EMAIL = read("str", "SUPPORT_EMAIL", "support@example.com" if DEMO else "")
REVIEWER_EMAILS = read("list", "REVIEWER_EMAILS", [])
# How long a review takes, as applicants are told. 0 names no time.
REVIEW_WORKING_DAYS = environment.require_minimum(0, "REVIEW_WORKING_DAYS", read("int", "REVIEW_WORKING_DAYS", 0))

# Security

SESSION_COOKIE_SECURE = CSRF_COOKIE_SECURE = SECURE_SSL_REDIRECT = USES_HTTPS
SECURE_REDIRECT_EXEMPT = [r"^api/v1/"]  # answers with a problem, not with a redirect
if USES_HTTPS:
    # Browsers take cookies of these names only over https, for this host and all paths: no other host of the domain can
    # set them, nor anybody between who changes plain http.
    SESSION_COOKIE_NAME, CSRF_COOKIE_NAME = "__Host-sessionid", "__Host-csrftoken"
SECURE_HSTS_SECONDS = 31_536_000 if USES_HTTPS else 0
SECURE_HSTS_INCLUDE_SUBDOMAINS = SECURE_HSTS_PRELOAD = USES_HTTPS
BEHIND_PROXY = read("bool", "BEHIND_PROXY", False)
if BEHIND_PROXY:
    SECURE_PROXY_SSL_HEADER = ("HTTP_X_FORWARDED_PROTO", "https")

# The service

# The length of a day: look-ups, verification, deadlines and the simulated engines count in these days.
SERVICE_DAY = timedelta(seconds=read("float", "DAY_SECONDS", 20.0 if DEMO else 86_400.0))
environment.require(
    DEMO or timedelta(days=1) == SERVICE_DAY,
    "DAY_SECONDS is for the demo and for tests; in production a day has 86400 seconds.",
)
# The function that creates the demo data: called with `now`, returns a portal.demo.data.DemoData.
DEMO_DATA_LOADER = "reputation.demo.data.seed"
PROVIDERS = read(
    "list", "PROVIDERS", [*(["simulated", "complaints"] if DEMO else ["complaints", "fcc"]), "handset", "desk"]
)
SIMULATED_SEED = read("str", "SIMULATED_SEED", "demo")
SIMULATED_DIR = DATA_DIR / "simulated"
# Record one in this many match requests for the statistics: 1 records all, 0 none.
RECORD_DECISIONS = environment.require_minimum(0, "RECORD_DECISIONS", read("int", "RECORD_DECISIONS", 1))
COMPLAINTS_THRESHOLD = read("int", "COMPLAINTS_THRESHOLD", 2)
COMPLAINTS_WINDOW_DAYS = read("int", "COMPLAINTS_WINDOW_DAYS", 30)
FCC = read_fcc_settings(environment, is_demo=DEMO)
CHECKS_KEPT_DAYS = read("int", "CHECKS_KEPT_DAYS", 400)
# Webhooks go to public addresses only, and over https. The demo also allows the local machine, and http.
WEBHOOK_PRIVATE_ADDRESSES = read("bool", "WEBHOOK_PRIVATE_ADDRESSES", DEMO)
WEBHOOK_PLAIN_HTTP = read("bool", "WEBHOOK_PLAIN_HTTP", DEMO)

# Requests per minute and API key: reads and writes, and match requests. 0 is no limit.
API_RATE_LIMIT = environment.require_minimum(0, "API_RATE_LIMIT", read("int", "API_RATE_LIMIT", 600))
API_MATCH_RATE_LIMIT = environment.require_minimum(
    0, "API_MATCH_RATE_LIMIT", read("int", "API_MATCH_RATE_LIMIT", 60_000)
)

# Hidden in log lines, wherever they occur.
add_secrets(METRICS_TOKEN, SECRET_KEY, *SECRET_KEY_FALLBACKS, *ENCRYPTION_KEYS)
add_secrets(DATABASES["default"].get("PASSWORD"), MIGRATE_DATABASE.get("PASSWORD"), FCC.app_token)
add_secrets(vars().get("EMAIL_HOST_PASSWORD"))

environment.raise_errors()
