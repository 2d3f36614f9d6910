"""The reviewer's queue: what was sent, what speaks for and against it, and the decision with its reason.

Nothing can be added, edited or deleted here: an application changes only by a decision, bound to the revision read.
"""

from __future__ import annotations

from typing import Any
from urllib.parse import urlencode

from django import forms
from django.contrib import admin, messages
from django.contrib.admin.utils import unquote
from django.core.exceptions import PermissionDenied
from django.db.models import QuerySet
from django.http import Http404, HttpRequest, HttpResponse, HttpResponseRedirect
from django.template.response import TemplateResponse
from django.urls import URLPattern, path, reverse
from django.utils import timezone
from django.utils.html import format_html
from django.utils.timesince import timesince

from enrollment import lifecycle
from enrollment.assessment import assess_submitted
from enrollment.lifecycle import DECISIONS, Decision, DecisionOutcome
from enrollment.models import Application, ApplicationQuerySet, Transition
from enrollment.questions import QUESTIONS_BY_ID
from enrollment.snapshot import FieldChange, diff_snapshots
from portal.audit import Actor, Context

MAX_SELECTED = 100

State = Application.State


class StateFilter(admin.SimpleListFilter):
    """Begins with what waits for a reviewer."""

    title = "state"
    parameter_name = "state"
    ALL = "all"

    def lookups(self, request: HttpRequest, model_admin: admin.ModelAdmin) -> list[tuple[str, str]]:
        states = [(value, label) for value, label in State.choices if value not in (State.DRAFT, State.SUBMITTED)]
        return [*states, (self.ALL, "All")]

    def choices(self, changelist: Any) -> Any:
        waiting, *others = super().choices(changelist)
        yield waiting | {"display": "Waiting for review"}
        yield from others

    def queryset(self, request: HttpRequest, queryset: ApplicationQuerySet) -> ApplicationQuerySet:
        if self.value() == self.ALL:
            return queryset
        return queryset.filter(state=self.value()) if self.value() else queryset.waiting()


class DecisionForm(forms.Form):
    use_required_attribute = False

    reason = forms.CharField(
        max_length=4_000,
        widget=forms.Textarea({"rows": 6, "class": "vLargeTextField"}),
        error_messages={"required": str(lifecycle.ReasonRequired())},
    )

    def __init__(self, decision: Decision, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self.fields["reason"].required = decision.needs_reason
        self.fields["reason"].help_text = decision.reason_help


@admin.register(Application)
class ApplicationAdmin(admin.ModelAdmin):
    list_display = (
        "legal_name",
        "account",
        "state",
        "waiting_for",
        "no_answers",
        "revision",
        "decided_by",
        "decided_at",
    )
    list_filter = (StateFilter,)
    list_select_related = ("account", "decided_by")
    list_per_page = 50
    search_fields = ("legal_name", "ein", "account__name")
    show_full_result_count = False
    show_facets = admin.ShowFacets.NEVER
    ordering = ("submitted_at", "pk")
    actions = ("approve", "ask_for_more", "reject", "revoke")

    class Media:
        css = {"all": ["css/review.css"]}

    def has_add_permission(self, request: HttpRequest) -> bool:
        return False

    def has_delete_permission(self, request: HttpRequest, obj: Application | None = None) -> bool:
        return False

    def get_queryset(self, request: HttpRequest) -> QuerySet:
        return super().get_queryset(request).seen_by_reviewers()

    @admin.display(description="waiting for", ordering="submitted_at")
    def waiting_for(self, application: Application) -> str:
        """The age of what waits, exact on hover."""
        if application.state != State.SUBMITTED or not application.submitted_at:
            return "—"
        exact = timezone.localtime(application.submitted_at).strftime("%Y-%m-%d %H:%M %Z")
        return format_html('<span title="{}">{}</span>', exact, timesince(application.submitted_at))

    @admin.action(description="Approve", permissions=["change"])
    def approve(self, request: HttpRequest, applications: ApplicationQuerySet) -> HttpResponse | None:
        return self._to_decision(request, applications, State.APPROVED)

    @admin.action(description="Ask for more", permissions=["change"])
    def ask_for_more(self, request: HttpRequest, applications: ApplicationQuerySet) -> HttpResponse | None:
        return self._to_decision(request, applications, State.MORE_INFORMATION)

    @admin.action(description="Reject", permissions=["change"])
    def reject(self, request: HttpRequest, applications: ApplicationQuerySet) -> HttpResponse | None:
        return self._to_decision(request, applications, State.REJECTED)

    @admin.action(description="Revoke", permissions=["change"])
    def revoke(self, request: HttpRequest, applications: ApplicationQuerySet) -> HttpResponse | None:
        return self._to_decision(request, applications, State.REVOKED)

    def get_urls(self) -> list[URLPattern]:
        decide = self.admin_site.admin_view(self.decide_view)
        return [path("decide/<str:to>/", decide, name="enrollment_application_decide"), *super().get_urls()]

    def changelist_view(self, request: HttpRequest, extra_context: dict[str, Any] | None = None) -> HttpResponse:
        return super().changelist_view(request, {"title": "Applications", **(extra_context or {})})

    def change_view(
        self, request: HttpRequest, object_id: str, form_url: str = "", extra_context: dict[str, Any] | None = None
    ) -> HttpResponse:
        """The application as it was sent, with the assessment beside it; read-only."""
        application = self.get_object(request, unquote(object_id))
        if application is None:
            return self._get_obj_does_not_exist_redirect(request, self.opts, object_id)
        if request.method == "POST" or not self.has_view_permission(request, application):
            raise PermissionDenied
        steps = list(application.steps.select_related("by").order_by("-pk"))
        decisions = [_get_decision_link(decision, application) for decision in DECISIONS.values()]
        context = self._context(
            request,
            title=application.legal_name or str(application.account),
            original=application,
            assessment=(assessment := assess_submitted(application)),
            suggested=DECISIONS[assessment.suggestion.to] if application.state == State.SUBMITTED else None,
            answers=_get_answers_with_questions(application),
            steps=steps,
            changes=_get_changes(steps),
            decisions=[link for link in decisions if link] if self.has_change_permission(request, application) else [],
        )
        return TemplateResponse(request, "admin/enrollment/application/review.html", context)

    def decide_view(self, request: HttpRequest, to: str) -> HttpResponse:
        """Asks for the reason, then decides those that still are as they were shown."""
        if to not in DECISIONS:
            raise Http404
        if not self.has_change_permission(request):
            raise PermissionDenied
        decision, shown = DECISIONS[to], _get_shown_revisions(request)
        form = DecisionForm(decision, request.POST or None)
        if request.method == "POST" and form.is_valid():
            actor, now = Actor(user=request.user, via="admin"), timezone.now()
            reason = form.cleaned_data["reason"]
            self._tell(request, decision, lifecycle.decide(shown, to=to, context=Context(actor, now), reason=reason))
            return HttpResponseRedirect(self._back(shown))
        applications = self.get_queryset(request).filter(pk__in=shown).select_related("account", "decided_by")
        rows = [
            (
                application,
                assess_submitted(application),
                lifecycle.get_decision_conflict(application, to=to, revision=shown[application.pk]),
            )
            for application in applications.order_by("submitted_at", "pk")
        ]
        context = self._context(
            request,
            title=decision.verb,
            decision=decision,
            form=form,
            decidable=[row for row in rows if not row[2]],
            others=[row for row in rows if row[2]],
            shown=[f"{pk}:{revision}" for pk, revision in shown.items()],
            back=self._back(shown),
        )
        return TemplateResponse(request, "admin/enrollment/application/decide.html", context)

    def _to_decision(self, request: HttpRequest, applications: ApplicationQuerySet, to: str) -> HttpResponse | None:
        shown = list(applications.order_by("submitted_at", "pk").values_list("pk", "revision")[: MAX_SELECTED + 1])
        if len(shown) > MAX_SELECTED:
            self.message_user(request, f"Choose at most {MAX_SELECTED} at a time. Nothing was changed.", messages.ERROR)
            return None
        return HttpResponseRedirect(_get_decide_url(to, shown))

    def _tell(self, request: HttpRequest, decision: Decision, outcome: DecisionOutcome) -> None:
        if outcome.decided:
            names = ", ".join(application.legal_name for application in outcome.decided[:5])
            more = f" and {len(outcome.decided) - 5} more" if len(outcome.decided) > 5 else ""
            self.message_user(request, f"{decision.done}: {names}{more}. A mail tells the applicant.", messages.SUCCESS)
        for refused in outcome.refused:
            self.message_user(request, f"Not changed. {refused}", messages.ERROR)

    def _back(self, shown: dict[int, int]) -> str:
        if len(shown) == 1:
            return reverse("admin:enrollment_application_change", args=[next(iter(shown))])
        return reverse("admin:enrollment_application_changelist")

    def _context(self, request: HttpRequest, **more: Any) -> dict[str, Any]:
        return {**self.admin_site.each_context(request), "opts": self.opts, **more}


def _get_decide_url(to: str, shown: list[tuple[int, int]]) -> str:
    query = urlencode([("shown", f"{pk}:{revision}") for pk, revision in shown])
    return f"{reverse('admin:enrollment_application_decide', args=[to])}?{query}"


def _get_decision_link(decision: Decision, application: Application) -> tuple[Decision, str] | None:
    if application.state not in lifecycle.TRANSITIONS[decision.to]:
        return None
    return decision, _get_decide_url(decision.to, [(application.pk, application.revision)])


def _get_shown_revisions(request: HttpRequest) -> dict[int, int]:
    """Which applications the page showed, at which revision: `shown=<id>:<revision>`, several times."""
    pairs = (text.partition(":") for text in (request.POST or request.GET).getlist("shown")[:MAX_SELECTED])
    shown = {int(pk): int(revision) for pk, _, revision in pairs if _is_id(pk) and _is_id(revision)}
    if not shown:
        raise Http404("No application was chosen.")
    return shown


def _is_id(text: str) -> bool:
    return text.isascii() and text.isdecimal() and len(text) < 19


def _get_answers_with_questions(application: Application) -> list[dict[str, Any]]:
    return [given | {"asked": QUESTIONS_BY_ID.get(given["id"])} for given in application.snapshot.get("answers", ())]


def _get_changes(steps: list[Transition]) -> list[FieldChange]:
    """What the applicant changed between the last two sendings; `steps` newest first."""
    sendings = [step.snapshot for step in steps if step.to == State.SUBMITTED]
    return diff_snapshots(sendings[1], sendings[0]) if len(sendings) > 1 else []
