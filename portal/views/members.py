"""Account > Members: the list, and, for owners, inviting people, changing roles and removing."""

from __future__ import annotations

from django import forms
from django.contrib import messages
from django.http import HttpResponse
from django.shortcuts import redirect, render
from django.urls import path
from django.views.decorators.http import require_POST

from portal.accounts import api_keys, invitations, members
from portal.accounts.access import MemberRequest, get_account_object_or_404, member_required, owner_required
from portal.accounts.members import MembershipError
from portal.authentication import throttling
from portal.authentication.throttling import MustWait, Subject
from portal.models import Invitation, Member
from portal.text import join_names, pluralize


class AddMemberForm(forms.Form):
    email = forms.EmailField(
        label="E-mail",
        widget=forms.EmailInput(attrs={"autocomplete": "off"}),
        error_messages={
            "required": "Write the e-mail address of the person to add.",
            "invalid": "This is not an e-mail address. Write it as dana@example.com.",
        },
    )
    role = forms.ChoiceField(choices=Member.Role.choices, initial=Member.Role.VIEWER)


@member_required
def member_list(request: MemberRequest) -> HttpResponse:
    return _render_page(request, AddMemberForm())


@require_POST
@owner_required
def add(request: MemberRequest) -> HttpResponse:
    form = AddMemberForm(request.POST)
    if not form.is_valid():
        return _render_page(request, form)
    try:
        throttling.begin_attempt([Subject(throttling.INVITATIONS, str(request.account.pk))], now=request.context.now)
        invited = invitations.invite(account=request.account, **form.cleaned_data, context=request.context)
    except MembershipError as error:
        form.add_error("email", str(error))
        return _render_page(request, form)
    except MustWait as error:
        form.add_error("email", f"You invited many people. {error.sentence}")
        return _render_page(request, form)
    messages.success(request, f"{invited.email} gets a mail, and is a member once they accept.")
    return redirect("members")


@require_POST
@owner_required
def withdraw_invitation(request: MemberRequest, pk: int) -> HttpResponse:
    invitation = get_account_object_or_404(request, Invitation.objects.select_related("account"), pk)
    if invitations.withdraw(invitation, context=request.context):
        messages.success(request, f"The invitation of {invitation.email} was withdrawn.")
    else:
        messages.error(request, f"{invitation.email} answered meanwhile. Nothing was changed.")
    return redirect("members")


@require_POST
@owner_required
def change_role(request: MemberRequest, pk: int) -> HttpResponse:
    member = get_account_object_or_404(request, Member.objects.select_related("user", "account"), pk)
    role = request.POST.get("role", "")
    if role not in Member.Role.values:
        messages.error(request, "There is no such role. Nothing was changed.")
        return redirect("members")
    try:
        changed = members.change_role(
            member, role=role, expected_role=request.POST.get("shown", ""), context=request.context
        )
    except MembershipError as error:
        messages.error(request, str(error))
    else:
        name = member.user.get_full_name()
        is_now = f"is now {member.get_role_display().lower()}" if changed else "has this role already"
        messages.success(request, f"{name} {is_now}.")
        _warn_about_keys(request, member)
    return redirect("members")


@owner_required
def remove(request: MemberRequest, pk: int) -> HttpResponse:
    """Ask for confirmation on a page of its own, then remove the member on POST."""
    member = get_account_object_or_404(request, Member.objects.select_related("user", "account"), pk)
    if request.method != "POST":
        keys = api_keys.get_keys_of(request.account, member.user)
        return render(request, "portal/member_remove.html", {"leaving": member, "keys": keys})
    try:
        members.remove_member(member, context=request.context)
    except MembershipError as error:
        messages.error(request, str(error))
    else:
        messages.success(request, f"{member.user.get_full_name()} is no longer a member.")
        _warn_about_keys(request, member)
    return redirect("members")


def _warn_about_keys(request: MemberRequest, member: Member) -> None:
    """Say which API keys stopped, because the member held them and may no longer make keys."""
    stopped = [key for key in api_keys.get_keys_of(request.account, member.user) if not key.is_held]
    if stopped:
        names = join_names([key.name for key in stopped])
        messages.warning(
            request,
            f"{pluralize(len(stopped), 'API key')} of {member.user.get_full_name()} stopped: {names}. If something "
            "still uses them, take them over under API keys.",
        )


def _render_page(request: MemberRequest, form: AddMemberForm) -> HttpResponse:
    people = Member.objects.for_account(request.account).select_related("user").order_by("user__email")
    invited = Invitation.objects.for_account(request.account).open(request.context.now).order_by("email")
    context = {"form": form, "people": people, "invited": invited, "roles": Member.Role.choices}
    return render(request, "portal/members.html", context)


urls = [
    path("account/members/", member_list, name="members"),
    path("account/members/add/", add, name="member-add"),
    path("account/members/invitations/<int:pk>/withdraw/", withdraw_invitation, name="invitation-withdraw"),
    path("account/members/<int:pk>/role/", change_role, name="member-change-role"),
    path("account/members/<int:pk>/remove/", remove, name="member-remove"),
]
