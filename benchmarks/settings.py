"""The portal's settings, with an additional empty view. benchmarks.run sets DATA_DIR."""

import os

os.environ["DEMO"] = "1"
os.environ.setdefault("DAY_SECONDS", "86400")
# The empty view, with which the match endpoint is compared, has no rate limit.
os.environ.setdefault("API_MATCH_RATE_LIMIT", "0")

from portal.settings import *  # noqa: F403

ROOT_URLCONF = "benchmarks.urls"
