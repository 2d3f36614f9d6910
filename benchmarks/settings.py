"""The portal's settings with an empty view beside its own addresses, on data of its own; started by benchmarks.run."""

import os

os.environ["DEMO"] = "1"
os.environ.setdefault("DAY_SECONDS", "86400")
# The peer of the match endpoint has no limit either.
os.environ.setdefault("API_MATCH_RATE_LIMIT", "0")

from portal.settings import *  # noqa: F403

ROOT_URLCONF = "benchmarks.urls"
