"""Settings of the tests: those of the demo, with real days and a fast password hasher."""

import os

os.environ["DEMO"] = "1"
os.environ.setdefault("DAY_SECONDS", "86400")

from portal.settings import *  # noqa: F403
from portal.settings import DATA_DIR, STORAGES

# Tests of test calls and desks add their providers.
PROVIDERS = ["simulated", "complaints"]

DATA_DIR.mkdir(parents=True, exist_ok=True)

PASSWORD_HASHERS = ["django.contrib.auth.hashers.MD5PasswordHasher"]
STORAGES = STORAGES | {"staticfiles": {"BACKEND": "django.contrib.staticfiles.storage.StaticFilesStorage"}}
WHITENOISE_AUTOREFRESH = WHITENOISE_USE_FINDERS = True
EMAIL_BACKEND = "django.core.mail.backends.locmem.EmailBackend"
