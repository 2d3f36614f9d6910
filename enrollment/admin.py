"""Applications in Django admin: the queue, the application as it was sent, its assessment, and the decision.

Applications cannot be added, edited or deleted here. They change only by a decision on the revision that was read.
"""

from __future__ import annotations

from typing import Any, cast
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

from enrollment import decisions, mails
from enrollment.assessment import Assessment, assess_submitted
from enrollment.decisions import DECISIONS, Decision, DecisionOutcome
from enrollment.forms.fields import LongTextField
from enrollment.lifecycle import TRANSITIONS
from enrollment.models import Application, ApplicationQuerySet, Transition
from enrollment.own_accounts import get_own_accounts
from enrollment.questions import QUESTIONS_BY_ID
from enrollment.snapshot import FieldChange, diff_snapshots
from portal.accounts.roles import Permission
from portal.admin.openings import RecordedOpeningsMixin
from portal.admin.permissions import RolePermissionsMixin, get_context, get_user
from portal.db.keyset import parse_id

MAX_SELECTED = 100

State = Application.State


class StateFilter(admin.SimpleListFilter):
    """Shows applications that wait for review unless another state is chosen."""

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

    def queryset(self, request: HttpRequest, queryset: QuerySet[Application]) -> QuerySet[Application]:
        applications = cast(ApplicationQuerySet, queryset)
        if self.value() == self.ALL:
            return applications
        return applications.filter(state=self.value()) if self.value() else applications.awaiting_review()


class DecisionForm(forms.Form):
    use_required_attribute = False

    reason = LongTextField(
        max_length=4_000,
        widget=forms.Textarea({"rows": 6, "class": "vLargeTextField"}),
        error_messages={"required": str(decisions.ReasonRequired())},
    )

    def __init__(self, decision: Decision, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self.fields["reason"].required = decision.needs_reason
        self.fields["reason"].help_text = decision.reason_help_text


@admin.register(Application)
class ApplicationAdmin(RecordedOpeningsMixin, RolePermissionsMixin, admin.ModelAdmin):
    read_permission = change_permission = Permission.DECIDE_APPLICATIONS
    list_display = (
        "legal_name",
        "account",
        "state",
        "waiting_for",
        "no_answer_count",
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
    opened_label = "legal_name"
    actions = ("approve", "ask_for_more", "reject", "revoke")

    class Media:
        css = {"all": ["css/review.css"]}

    def has_add_permission(self, request: HttpRequest, obj: Any = None) -> bool:
        return False

    def has_delete_permission(self, request: HttpRequest, obj: Any = None) -> bool:
        return False

    def get_queryset(self, request: HttpRequest) -> QuerySet[Application]:
        return cast(ApplicationQuerySet, super().get_queryset(request)).visible_to_reviewers()

    @admin.display(description="waiting for", ordering="submitted_at")
    def waiting_for(self, application: Application) -> str:
        """How long the application has been waiting, with the exact time as a tooltip."""
        if application.state != State.SUBMITTED or not application.submitted_at:
            return "—"
        exact = timezone.localtime(application.submitted_at).strftime("%Y-%m-%d %H:%M %Z")
        return format_html('<span title="{}">{}</span>', exact, timesince(application.submitted_at))

    @admin.action(description="Approve", permissions=["change"])
    def approve(self, request: HttpRequest, applications: ApplicationQuerySet) -> HttpResponse | None:
        return self._redirect_to_decision(request, applications, State.APPROVED)

    @admin.action(description="Ask for more", permissions=["change"])
    def ask_for_more(self, request: HttpRequest, applications: ApplicationQuerySet) -> HttpResponse | None:
        return self._redirect_to_decision(request, applications, State.MORE_INFORMATION)

    @admin.action(description="Reject", permissions=["change"])
    def reject(self, request: HttpRequest, applications: ApplicationQuerySet) -> HttpResponse | None:
        return self._redirect_to_decision(request, applications, State.REJECTED)

    @admin.action(description="Revoke", permissions=["change"])
    def revoke(self, request: HttpRequest, applications: ApplicationQuerySet) -> HttpResponse | None:
        return self._redirect_to_decision(request, applications, State.REVOKED)

    def get_urls(self) -> list[URLPattern]:
        decide = self.admin_site.admin_view(self.decide_view)
        return [path("decide/<str:to>/", decide, name="enrollment_application_decide"), *super().get_urls()]

    def changelist_view(self, request: HttpRequest, extra_context: dict[str, Any] | None = None) -> HttpResponse:
        return super().changelist_view(request, {"title": "Applications", **(extra_context or {})})

    def change_view(
        self, request: HttpRequest, object_id: str, form_url: str = "", extra_context: dict[str, Any] | None = None
    ) -> HttpResponse:
        """Show the application as it was sent, read-only, with its assessment."""
        application = self.get_object(request, unquote(object_id))
        if application is None:
            self.message_user(request, self._describe_missing(request, object_id), messages.WARNING)
            return HttpResponseRedirect(reverse("admin:index"))
        if request.method == "POST" or not self.has_view_permission(request, application):
            raise PermissionDenied
        self.record_openings(request, [application.pk])
        own_accounts = get_own_accounts(get_user(request), {application.account_id})
        conflict = own_accounts.get_conflict(application.account_id)
        steps = list(application.transitions.select_related("user").order_by("-pk"))
        waiting_mails, unsent_mails = mails.find_unsent(steps)
        links = [_get_decision_link(decision, application) for decision in DECISIONS.values()]
        context = self._get_context(
            request,
            title=application.legal_name or str(application.account),
            original=application,
            assessment=(assessment := assess_submitted(application)),
            suggested=DECISIONS[assessment.suggestion.state] if application.state == State.SUBMITTED else None,
            answers=_get_answers_with_questions(application),
            steps=steps,
            waiting_mails=waiting_mails,
            unsent_mails=unsent_mails,
            changes=_get_changes(steps),
            exchange=_get_exchange(steps),
            decisions=[link for link in links if link and not conflict],
            conflict=conflict,
            is_own_account=application.account_id in own_accounts.account_ids,
        )
        return TemplateResponse(request, "admin/enrollment/application/review.html", context)

    def decide_view(self, request: HttpRequest, to: str) -> HttpResponse:
        """Ask for the reason, then decide the applications that are unchanged since they were shown."""
        if to not in DECISIONS:
            raise Http404
        if not self.has_change_permission(request):
            raise PermissionDenied
        decision, shown = DECISIONS[to], _get_shown_revisions(request)
        form = DecisionForm(decision, request.POST or None)
        if request.method == "POST" and form.is_valid():
            reason = form.cleaned_data["reason"]
            outcome = decisions.decide(shown, to=to, context=get_context(request), reason=reason)
            self._message_outcome(request, decision, outcome)
            return HttpResponseRedirect(self._get_return_url(shown))
        rows = self._get_decision_rows(request, to, shown)
        self.record_openings(request, [application.pk for application, _, _ in rows])
        context = self._get_context(
            request,
            title=decision.verb,
            decision=decision,
            form=form,
            decidable=[row for row in rows if not row[2]],
            others=[row for row in rows if row[2]],
            shown=[f"{pk}:{revision}" for pk, revision in shown.items()],
            back=self._get_return_url(shown),
        )
        return TemplateResponse(request, "admin/enrollment/application/decide.html", context)

    def _describe_missing(self, request: HttpRequest, object_id: str) -> str:
        withdrawn = Application.objects.sent_before().filter(pk=parse_id(unquote(object_id)), state=State.DRAFT).first()
        if withdrawn is None or not self.has_view_permission(request):
            return f"Application with ID “{object_id}” doesn’t exist. Perhaps it was deleted?"
        return f"{withdrawn.legal_name}: {decisions.describe_withdrawal(withdrawn)}"

    def _get_decision_rows(
        self, request: HttpRequest, to: str, shown: dict[int, int]
    ) -> list[tuple[Application, Assessment, str]]:
        """Each chosen application with its assessment, and why it cannot be decided."""
        queryset = Application.objects.sent_before().filter(pk__in=shown).select_related("account", "decided_by")
        applications = list(queryset.order_by("submitted_at", "pk"))
        own_accounts = get_own_accounts(get_user(request), {application.account_id for application in applications})
        return [
            (
                application,
                assess_submitted(application),
                decisions.get_decision_conflict(
                    application, to=to, revision=shown[application.pk], own_accounts=own_accounts
                ),
            )
            for application in applications
        ]

    def _redirect_to_decision(
        self, request: HttpRequest, applications: ApplicationQuerySet, to: str
    ) -> HttpResponse | None:
        shown = list(applications.order_by("submitted_at", "pk").values_list("pk", "revision")[: MAX_SELECTED + 1])
        if len(shown) > MAX_SELECTED:
            self.message_user(request, f"Choose at most {MAX_SELECTED} at a time. Nothing was changed.", messages.ERROR)
            return None
        return HttpResponseRedirect(_get_decide_url(to, shown))

    def _message_outcome(self, request: HttpRequest, decision: Decision, outcome: DecisionOutcome) -> None:
        if outcome.decided:
            names = ", ".join(application.legal_name for application in outcome.decided[:5])
            more = f" and {len(outcome.decided) - 5} more" if len(outcome.decided) > 5 else ""
            self.message_user(
                request, f"{decision.done_label}: {names}{more}. A mail tells the applicant.", messages.SUCCESS
            )
        for skipped in outcome.skipped:
            self.message_user(request, f"Not changed. {skipped}", messages.ERROR)

    def _get_return_url(self, shown: dict[int, int]) -> str:
        if len(shown) == 1:
            return reverse("admin:enrollment_application_change", args=[next(iter(shown))])
        return reverse("admin:enrollment_application_changelist")

    def _get_context(self, request: HttpRequest, **more: Any) -> dict[str, Any]:
        return {**self.admin_site.each_context(request), "opts": self.opts, **more}


def _get_decide_url(to: str, shown: list[tuple[int, int]]) -> str:
    query = urlencode([("shown", f"{pk}:{revision}") for pk, revision in shown])
    return f"{reverse('admin:enrollment_application_decide', args=[to])}?{query}"


def _get_decision_link(decision: Decision, application: Application) -> tuple[Decision, str] | None:
    if application.state not in TRANSITIONS[decision.to]:
        return None
    return decision, _get_decide_url(decision.to, [(application.pk, application.revision)])


def _get_shown_revisions(request: HttpRequest) -> dict[int, int]:
    """The ids and revisions of the applications that the page showed, from parameters `shown=<id>:<revision>`."""
    pairs = (text.partition(":") for text in (request.POST or request.GET).getlist("shown")[:MAX_SELECTED])
    ids = ((parse_id(pk), parse_id(revision)) for pk, _, revision in pairs)
    shown = {pk: revision for pk, revision in ids if pk and revision}
    if not shown:
        raise Http404("No application was chosen.")
    return shown


def _get_answers_with_questions(application: Application) -> list[dict[str, Any]]:
    return [given | {"asked": QUESTIONS_BY_ID.get(given["id"])} for given in application.snapshot.get("answers", ())]


def _get_changes(steps: list[Transition]) -> list[FieldChange]:
    """What the applicant changed between the last two submissions. `steps` are newest first."""
    submissions = [step.snapshot for step in steps if step.to_state == State.SUBMITTED]
    return diff_snapshots(submissions[1], submissions[0]) if len(submissions) > 1 else []


def _get_exchange(steps: list[Transition]) -> list[Transition]:
    """The applicant's last reply and the question before it, if the reply is newer than any decision."""
    return steps[:2] if steps and steps[0].to_state == State.SUBMITTED and steps[0].reason else []
