"""Every page says its own addresses, beside its views."""

from django.urls import path

from reputation.api.v1 import api
from reputation.views import (
    api_reference,
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
    *api_reference.urls,
    path("api/v1/", api.urls),
]
