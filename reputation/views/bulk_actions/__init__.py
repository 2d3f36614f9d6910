"""The confirmation window of a bulk action, and the X that removes a number from it."""

from django.urls import path

from reputation.views.bulk_actions.remove_number import remove_number
from reputation.views.bulk_actions.window import (
    confirm_bulk_action,
    open_bulk_action,
    show_bulk_action,
    stop_bulk_action,
)

urls = [
    path("number-management/bulk-actions/", open_bulk_action, name="bulk-action-open"),
    path("number-management/bulk-actions/<int:pk>/", show_bulk_action, name="bulk-action"),
    path("number-management/bulk-actions/<int:pk>/remove-number/", remove_number, name="bulk-action-remove-number"),
    path("number-management/bulk-actions/<int:pk>/confirm/", confirm_bulk_action, name="bulk-action-confirm"),
    path("number-management/bulk-actions/<int:pk>/stop/", stop_bulk_action, name="bulk-action-stop"),
]
