"""Version 1 of the API, put together."""

from __future__ import annotations

from portal.api.operations import make_api
from reputation.api import (
    bulk_actions,
    campaigns,
    cases,
    enrollments,
    events,
    imports,
    label_reports,
    matches,
    numbers,
    reputations,
    test_calls,
)

api = make_api(
    title="Number Reputation Portal",
    version="1.0.0",
    urls_namespace="api-1",
    openapi_extra={
        "tags": [
            {"name": tag, "description": description}
            for tag, description in (
                ("Matching", "Which number a call shows."),
                ("Numbers", "The account's phone numbers."),
                ("Reputation", "What the engines say of a number, and said before."),
                ("Bulk actions", "Many numbers at once, shown before it is done."),
                ("Imports", "CSV files of numbers."),
                ("Campaigns", "The outbound dialer's campaigns."),
                ("Cases", "What is being done about spam labels."),
                ("Reports of labels", "What called people saw on their telephones."),
                ("Test calls", "Calls from the account's numbers to its own telephones, and what these showed."),
                ("Enrollment", "Whether numbers may be enabled."),
                ("Events", "Everything that was changed, in order."),
            )
        ]
    },
    description=(
        "Numbers, their reputation, and what is done about spam labels. Every request carries an API key of the "
        "account, made under Account > API keys."
    ),
)
# Before the numbers: /numbers/enable is no number.
for module in (
    *(matches, bulk_actions, numbers, reputations, imports, campaigns, cases),
    *(label_reports, test_calls, enrollments, events),
):
    api.add_router("", module.router)
