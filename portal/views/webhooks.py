"""Account > Webhooks: the endpoints and their deliveries."""

from __future__ import annotations

from collections.abc import Callable

from django import forms
from django.contrib import messages
from django.http import Http404, HttpResponse
from django.shortcuts import redirect, render
from django.urls import path
from django.views.decorators.http import require_POST

from portal.accounts.access import (
    MemberRequest,
    editor_required,
    get_account_object_or_404,
    member_required,
    owner_required,
)
from portal.models import WebhookDelivery, WebhookEndpoint
from portal.webhooks import addresses, endpoints, queries
from portal.webhooks.endpoints import NotChanged
from portal.webhooks.events import EVENT_TYPES

DELIVERIES = WebhookDelivery.objects.select_related("endpoint__account", "message", "requested_by")


class EndpointForm(forms.Form):
    """The settings of an endpoint.

    Hidden fields carry the values that the page showed, so that a stale page changes only what its user changed.
    """

    url = forms.CharField(
        label="Address",
        max_length=500,
        show_hidden_initial=True,
        widget=forms.URLInput(attrs={"autocomplete": "off", "placeholder": "https://example.com/hook"}),
        help_text="Events are sent there with POST. It must answer with a status from 200 to 299 within 15 seconds.",
        error_messages={"required": "Write the address of the receiver, such as https://example.com/hook."},
    )
    description = forms.CharField(
        max_length=80,
        required=False,
        show_hidden_initial=True,
        widget=forms.TextInput(attrs={"autocomplete": "off"}),
        help_text="What it is for, such as Outbound dialer.",
    )
    event_types = forms.MultipleChoiceField(
        label="Events",
        choices=[(event_type, f"{event_type}: {when}") for event_type, when in EVENT_TYPES.items()],
        initial=list(EVENT_TYPES),
        show_hidden_initial=True,
        widget=forms.CheckboxSelectMultiple,
        error_messages={"required": "Choose at least one kind of event."},
    )

    def clean_url(self) -> str:
        """Validate a changed address only. An unchanged one was validated before, and may be unreachable now."""
        url = self.cleaned_data["url"]
        if "url" in self.changed_data:
            try:
                addresses.validate_url(url)
            except addresses.NotAllowed as error:
                raise forms.ValidationError(str(error)) from error
        return url


@member_required
def webhook_list(request: MemberRequest) -> HttpResponse:
    return render(request, "portal/webhooks.html", {"endpoints": queries.get_endpoints(request.account)})


@editor_required
def add(request: MemberRequest) -> HttpResponse:
    form = EndpointForm(request.POST or None)
    if request.method == "POST" and form.is_valid():
        try:
            added = endpoints.add(account=request.account, **form.cleaned_data, context=request.context)
        except NotChanged as error:
            form.add_error(None, str(error))
        else:
            messages.success(
                request, "The webhook was added. Bring its secret to the receiver, then send a test event."
            )
            return redirect("webhook", added.pk)
    return render(request, "portal/webhook_add.html", {"form": form})


@member_required
def webhook_detail(request: MemberRequest, pk: int) -> HttpResponse:
    endpoint = get_account_object_or_404(request, queries.get_endpoints(request.account), pk)
    return _render_page(request, endpoint, _get_form(endpoint))


@require_POST
@editor_required
def change(request: MemberRequest, pk: int) -> HttpResponse:
    """Make the change that the button names."""
    endpoint = get_account_object_or_404(request, queries.get_endpoints(request.account).select_related("account"), pk)
    handler = CHANGE_HANDLERS.get(request.POST.get("change", ""))
    if handler is None:
        raise Http404("There is no such change.")
    return handler(request, endpoint) or redirect("webhook", pk)


def _change_settings(request: MemberRequest, endpoint: WebhookEndpoint) -> HttpResponse | None:
    form = EndpointForm(request.POST)
    if not form.is_valid():
        return _render_page(request, endpoint, form)
    values = {field: form.cleaned_data[field] for field in form.changed_data}
    changed = endpoints.change(endpoint, **values, context=request.context)
    messages.success(request, "Saved." if changed else "Nothing was different, so nothing was changed.")
    return None


def _pause(request: MemberRequest, endpoint: WebhookEndpoint) -> None:
    paused = endpoints.pause(endpoint, context=request.context)
    message = "It is paused. Events wait, and go out in order when it is resumed."
    messages.success(request, message if paused else "It was paused.")


def _resume(request: MemberRequest, endpoint: WebhookEndpoint) -> None:
    resumed = endpoints.resume(endpoint, context=request.context)
    message = "It is active again. What waited goes out now, in order."
    messages.success(request, message if resumed else "It was active already.")


def _send_test_event(request: MemberRequest, endpoint: WebhookEndpoint) -> HttpResponse:
    delivery = endpoints.send_test_event(endpoint, context=request.context)
    messages.success(request, "A test event is on its way. What the receiver answers will stand here.")
    return redirect("webhook-delivery", delivery.pk)


CHANGE_HANDLERS: dict[str, Callable[[MemberRequest, WebhookEndpoint], HttpResponse | None]] = {
    "settings": _change_settings,
    "pause": _pause,
    "resume": _resume,
    "test": _send_test_event,
}


@require_POST
@owner_required
def rotate_secret(request: MemberRequest, pk: int) -> HttpResponse:
    endpoint = get_account_object_or_404(request, WebhookEndpoint.objects.select_related("account"), pk)
    shown_secret = request.POST.get("shown", "").replace("\x00", "")
    try:
        endpoints.rotate_secret(endpoint, expected_secret=shown_secret, context=request.context)
    except NotChanged as error:
        messages.error(request, str(error))
    else:
        messages.success(
            request, "There is a new secret. Bring it to the receiver: the former one signs for a day yet."
        )
    return redirect("webhook", pk)


@editor_required
def remove(request: MemberRequest, pk: int) -> HttpResponse:
    """Ask for confirmation with GET, remove with POST."""
    endpoint = get_account_object_or_404(request, queries.get_endpoints(request.account).select_related("account"), pk)
    if request.method != "POST":
        return render(request, "portal/webhook_remove.html", {"endpoint": endpoint})
    endpoints.remove(endpoint, context=request.context)
    messages.success(request, f"Nothing is sent to {endpoint} any more.")
    return redirect("webhooks")


@member_required
def delivery_detail(request: MemberRequest, pk: int) -> HttpResponse:
    delivery = get_account_object_or_404(request, DELIVERIES, pk)
    context = {
        "delivery": delivery,
        "endpoint": delivery.endpoint,
        "message": delivery.message,
        "attempts": delivery.attempt_log.order_by("-pk"),
        "has_due_deliveries": WebhookDelivery.objects.due(request.context.now).filter(pk=pk).exists(),
    }
    return render(request, "portal/webhook_delivery.html", context)


@require_POST
@editor_required
def redeliver(request: MemberRequest, pk: int) -> HttpResponse:
    delivery = endpoints.redeliver(get_account_object_or_404(request, DELIVERIES, pk), context=request.context)
    messages.success(request, "It is on its way. What the receiver answers will stand here.")
    return redirect("webhook-delivery", delivery.pk)


def _render_page(request: MemberRequest, endpoint: WebhookEndpoint, form: EndpointForm) -> HttpResponse:
    now = request.context.now
    context = {
        "endpoint": endpoint,
        "form": form,
        "deliveries": queries.get_delivery_page(endpoint, request.GET, now),
        "states": WebhookDelivery.State.choices,
        "former_secret_signs": len(endpoint.get_signing_secrets(now)) > 1,
    }
    return render(request, "portal/webhook.html", context)


def _get_form(endpoint: WebhookEndpoint) -> EndpointForm:
    return EndpointForm(
        initial={"url": endpoint.url, "description": endpoint.description, "event_types": endpoint.event_type_list}
    )


urls = [
    path("account/webhooks/", webhook_list, name="webhooks"),
    path("account/webhooks/add/", add, name="webhook-add"),
    path("account/webhooks/<int:pk>/", webhook_detail, name="webhook"),
    path("account/webhooks/<int:pk>/change/", change, name="webhook-change"),
    path("account/webhooks/<int:pk>/secret/", rotate_secret, name="webhook-rotate-secret"),
    path("account/webhooks/<int:pk>/remove/", remove, name="webhook-remove"),
    path("account/webhooks/deliveries/<int:pk>/", delivery_detail, name="webhook-delivery"),
    path("account/webhooks/deliveries/<int:pk>/again/", redeliver, name="webhook-redeliver"),
]
