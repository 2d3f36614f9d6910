"""Account > Webhooks: where events are sent, how that goes, and what was sent."""

from __future__ import annotations

from collections.abc import Callable

from django import forms
from django.contrib import messages
from django.http import Http404, HttpResponse
from django.shortcuts import redirect, render
from django.urls import path
from django.utils import timezone
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


class EndpointForm(forms.Form):
    """The fields carry what they showed, so that a page opened long ago changes only what its reader changed."""

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
        """An address that stays as it is was checked before, and may be out of reach just now."""
        url = self.cleaned_data["url"]
        if "url" in self.changed_data:
            try:
                addresses.validate_url(url)
            except addresses.NotAllowed as refused:
                raise forms.ValidationError(str(refused)) from refused
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
        except NotChanged as not_changed:
            form.add_error(None, str(not_changed))
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
    """Does one of CHANGES."""
    endpoint = get_account_object_or_404(request, queries.get_endpoints(request.account).select_related("account"), pk)
    do = CHANGE_HANDLERS.get(request.POST.get("change", ""))
    if do is None:
        raise Http404("There is no such change.")
    return do(request, endpoint) or redirect("webhook", pk)


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
    said = "It is paused. Events wait, and go out in order when it is resumed."
    messages.success(request, said if paused else "It was paused.")


def _resume(request: MemberRequest, endpoint: WebhookEndpoint) -> None:
    resumed = endpoints.resume(endpoint, context=request.context)
    said = "It is active again. What waited goes out now, in order."
    messages.success(request, said if resumed else "It was active already.")


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
        endpoints.rotate_secret(endpoint, shown=shown_secret, context=request.context)
    except NotChanged as not_changed:
        messages.error(request, str(not_changed))
    else:
        messages.success(
            request, "There is a new secret. Bring it to the receiver: the former one signs for a day yet."
        )
    return redirect("webhook", pk)


@editor_required
def remove(request: MemberRequest, pk: int) -> HttpResponse:
    """Asks first, on a page of its own; done with POST."""
    endpoint = get_account_object_or_404(request, queries.get_endpoints(request.account).select_related("account"), pk)
    if request.method != "POST":
        return render(request, "portal/webhook_remove.html", {"endpoint": endpoint})
    endpoints.remove(endpoint, context=request.context)
    messages.success(request, f"Nothing is sent to {endpoint} any more.")
    return redirect("webhooks")


@member_required
def delivery_detail(request: MemberRequest, pk: int) -> HttpResponse:
    shown_delivery = get_account_object_or_404(request, _DELIVERIES, pk)
    context = {
        "delivery": shown_delivery,
        "endpoint": shown_delivery.endpoint,
        "message": shown_delivery.message,
        "attempts": shown_delivery.tried.order_by("-pk"),
        "is_moving": WebhookDelivery.objects.due(timezone.now()).filter(pk=pk).exists(),
    }
    return render(request, "portal/webhook_delivery.html", context)


@require_POST
@editor_required
def redeliver(request: MemberRequest, pk: int) -> HttpResponse:
    again = endpoints.redeliver(get_account_object_or_404(request, _DELIVERIES, pk), context=request.context)
    messages.success(request, "It is on its way. What the receiver answers will stand here.")
    return redirect("webhook-delivery", again.pk)


_DELIVERIES = WebhookDelivery.objects.select_related("endpoint__account", "message", "asked_by")


def _render_page(request: MemberRequest, endpoint: WebhookEndpoint, form: EndpointForm) -> HttpResponse:
    now = timezone.now()
    context = {
        "endpoint": endpoint,
        "form": form,
        "deliveries": queries.get_delivery_page(endpoint, request.GET, now),
        "states": WebhookDelivery.State.choices,
        "former_secret_signs": len(endpoint.secrets_at(now)) > 1,
    }
    return render(request, "portal/webhook.html", context)


def _get_form(endpoint: WebhookEndpoint) -> EndpointForm:
    return EndpointForm(
        initial={"url": endpoint.url, "description": endpoint.description, "event_types": endpoint.types}
    )


urls = [
    path("account/webhooks/", webhook_list, name="webhooks"),
    path("account/webhooks/add/", add, name="webhook-add"),
    path("account/webhooks/<int:pk>/", webhook_detail, name="webhook"),
    path("account/webhooks/<int:pk>/change/", change, name="webhook-change"),
    path("account/webhooks/<int:pk>/secret/", rotate_secret, name="webhook-rotate"),
    path("account/webhooks/<int:pk>/remove/", remove, name="webhook-remove"),
    path("account/webhooks/deliveries/<int:pk>/", delivery_detail, name="webhook-delivery"),
    path("account/webhooks/deliveries/<int:pk>/again/", redeliver, name="webhook-delivery-again"),
]
