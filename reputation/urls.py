"""URLs of the reputation app. Each views module lists its own in `urls`."""

from django.urls import path

from reputation.api import matches
from reputation.api.v1 import api
from reputation.views import (
    api_reference,
    bulk_actions,
    campaigns,
    cases,
    change_token,
    desk,
    desk_registrations,
    failed_cases,
    hiya_list,
    imports,
    label_photos,
    label_reports,
    number,
    number_reputation,
    overview,
    phone_numbers,
    services_details,
    telephones,
    test_rounds,
    testers,
)

urlpatterns = [
    *matches.urls,  # first, because the dialer requests it for every call
    *overview.urls,
    *change_token.urls,
    *phone_numbers.urls,
    *imports.urls,
    *number_reputation.urls,
    *services_details.urls,
    *bulk_actions.urls,
    *number.urls,
    *label_reports.urls,
    *label_photos.urls,
    *cases.urls,
    *failed_cases.urls,
    *desk.urls,
    *campaigns.urls,
    *test_rounds.urls,
    *telephones.urls,
    *testers.urls,
    *desk_registrations.urls,
    *hiya_list.urls,
    *api_reference.urls,
    path("api/v1/", api.urls),
]
