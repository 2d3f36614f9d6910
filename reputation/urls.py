"""Every page says its own addresses, beside its views."""

from django.urls import path

from reputation.api import matches
from reputation.api.v1 import api
from reputation.views import (
    api_reference,
    bulk_actions,
    campaigns,
    cases,
    change_token,
    imports,
    number,
    number_reputation,
    overview,
    phone_numbers,
)

urlpatterns = [
    *matches.urls,  # first, because it is asked for every call
    *overview.urls,
    *change_token.urls,
    *phone_numbers.urls,
    *imports.urls,
    *number_reputation.urls,
    *bulk_actions.urls,
    *number.urls,
    *cases.urls,
    *campaigns.urls,
    *api_reference.urls,
    path("api/v1/", api.urls),
]
