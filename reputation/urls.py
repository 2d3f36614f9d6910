"""Every page says its own addresses, beside its views."""

from reputation.views import (
    campaigns,
    cases,
    confirmations,
    imports,
    live,
    number,
    number_reputation,
    overview,
    phone_numbers,
)

urlpatterns = [
    *overview.urls,
    *live.urls,
    *phone_numbers.urls,
    *imports.urls,
    *number_reputation.urls,
    *confirmations.urls,
    *number.urls,
    *cases.urls,
    *campaigns.urls,
]
