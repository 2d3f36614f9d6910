"""Number Management > Remediation desk: requests to desks without an API, and what the desks replied."""

from django.urls import path

from reputation.views.desk.history import letter_detail, letter_file, request_detail
from reputation.views.desk.overview import desk_detail, desk_list
from reputation.views.desk.packet import download_file, prepare_letter
from reputation.views.desk.replies import answer_question, ask_again, record_reply, withdraw_requests
from reputation.views.desk.taking import release_requests, take_requests

_ROOT = "number-management/remediation-desk"

urls = [
    path(f"{_ROOT}/", desk_list, name="desks"),
    path(f"{_ROOT}/<int:pk>/", desk_detail, name="desk"),
    path(f"{_ROOT}/<int:pk>/take/", take_requests, name="desk-take"),
    path(f"{_ROOT}/<int:pk>/release/", release_requests, name="desk-release"),
    path(f"{_ROOT}/<int:pk>/prepare/", prepare_letter, name="desk-prepare"),
    path(f"{_ROOT}/<int:pk>/file/", download_file, name="desk-file"),
    path(f"{_ROOT}/<int:pk>/reply/", record_reply, name="desk-reply"),
    path(f"{_ROOT}/<int:pk>/answer/", answer_question, name="desk-answer"),
    path(f"{_ROOT}/<int:pk>/ask-again/", ask_again, name="desk-ask-again"),
    path(f"{_ROOT}/<int:pk>/withdraw/", withdraw_requests, name="desk-withdraw"),
    path(f"{_ROOT}/requests/<int:pk>/", request_detail, name="desk-request"),
    path(f"{_ROOT}/letters/<int:pk>/", letter_detail, name="desk-letter"),
    path(f"{_ROOT}/letters/<int:pk>/file/", letter_file, name="desk-letter-file"),
]
