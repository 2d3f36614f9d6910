"""Settings of what observations do to numbers and campaigns. Part of portal/settings.py.

See reputation/monitoring/severity.py and, for SKIPPED_ALERT_PERCENT, reputation/matching/skipped_share.py.
"""

from portal.environment import environment

__all__ = ["AGREEING_APPS", "CLEAN_DAYS", "LABEL_SEEN_DAYS", "RISK_DAYS", "SKIPPED_ALERT_PERCENT"]

read, at_least = environment.read, environment.require_minimum

CLEAN_DAYS = at_least(1, "CLEAN_DAYS", read("int", "CLEAN_DAYS", 2))
LABEL_SEEN_DAYS = at_least(1, "LABEL_SEEN_DAYS", read("int", "LABEL_SEEN_DAYS", 14))
RISK_DAYS = at_least(1, "RISK_DAYS", read("int", "RISK_DAYS", 30))
AGREEING_APPS = at_least(1, "AGREEING_APPS", read("int", "AGREEING_APPS", 2))
SKIPPED_ALERT_PERCENT = read("int", "SKIPPED_ALERT_PERCENT", 30)
environment.require(
    0 <= SKIPPED_ALERT_PERCENT <= 100,
    f"SKIPPED_ALERT_PERCENT is {SKIPPED_ALERT_PERCENT}; it must be from 0 to 100.",
)
