"""Settings of what observations do to numbers (reputation/monitoring/severity.py). Part of portal/settings.py."""

from portal.environment import environment

__all__ = ["AGREEING_APPS", "CLEAN_DAYS", "LABEL_SEEN_DAYS", "RISK_DAYS"]

read, at_least = environment.read, environment.require_minimum

CLEAN_DAYS = at_least(1, "CLEAN_DAYS", read("int", "CLEAN_DAYS", 2))
LABEL_SEEN_DAYS = at_least(1, "LABEL_SEEN_DAYS", read("int", "LABEL_SEEN_DAYS", 14))
RISK_DAYS = at_least(1, "RISK_DAYS", read("int", "RISK_DAYS", 30))
AGREEING_APPS = at_least(1, "AGREEING_APPS", read("int", "AGREEING_APPS", 2))
