"""Version 1 of the API, put together."""

from __future__ import annotations

from portal.api.endpoints import make_api
from reputation.api import bulk, campaigns, cases, enrollments, events, imports, matches, numbers, reputations

api = make_api(
    title="Number Reputation Portal",
    version="1.0.0",
    urls_namespace="api-1",
    description=(
        "Numbers, their reputation, and what is done about spam labels. Every request carries an API key of the "
        "account, made under Account > API keys."
    ),
)
# Before the numbers: /numbers/enable is no number.
for module in (matches, bulk, numbers, reputations, imports, campaigns, cases, enrollments, events):
    api.add_router("", module.router)
