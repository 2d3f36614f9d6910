"""Who may decide on applications: reviewers and superusers, but not on those of their own accounts."""

import pytest
from django.test import Client
from django.urls import reverse

from enrollment.own_accounts import OWN_ACCOUNT_CODE
from portal.audit import Actor, Context
from portal.models import AuditEvent, Member, User
from tests.enrollment.review import decide
from tests.factories import MemberFactory, UserFactory
from tests.support.mails import read_code, send_mails, set_password
from tests.support.pages import get_html

pytestmark = pytest.mark.django_db

QUEUE = reverse("admin:enrollment_application_changelist")
APPROVE = reverse("admin:enrollment_application_decide", args=["approved"])
PASSWORD = "a long enough one"


def application_url(application) -> str:
    return reverse("admin:enrollment_application_change", args=[application.pk])


def approve(client, application):
    return client.post(APPROVE, {"shown": f"{application.pk}:{application.revision}"}, follow=True)


def state_of(application) -> str:
    application.refresh_from_db()
    return application.state


def test_reviewer_created_in_django_admin_can_approve_an_application(as_superuser, submitted):
    as_superuser.post(reverse("admin:portal_user_add"), {"email": "rita@example.com"})
    (invitation,) = send_mails()
    set_password(Client(), read_code(invitation.body), PASSWORD)
    user_url = reverse("admin:portal_user_change", args=[User.objects.get(email="rita@example.com").pk])
    assert ">Reviewer</option>" in get_html(as_superuser.get(user_url))
    form = {"email": "rita@example.com", "name": "Rita", "is_active": "on", "staff_role": "reviewer"}
    as_superuser.post(user_url, form)
    client = Client()
    client.post(reverse("account_login"), {"username": "rita@example.com", "password": PASSWORD})
    assert application_url(submitted) in get_html(client.get(QUEUE))
    assert APPROVE in get_html(client.get(application_url(submitted)))
    approve(client, submitted)
    assert state_of(submitted) == "approved"


def test_a_superuser_may_decide(as_superuser, submitted):
    approve(as_superuser, submitted)
    assert state_of(submitted) == "approved"


def test_operator_may_not_decide(as_operator, submitted):
    assert as_operator.get(QUEUE).status_code == 403
    assert as_operator.get(application_url(submitted)).status_code == 403
    assert approve(as_operator, submitted).status_code == 403
    assert state_of(submitted) == "submitted"


def test_members_of_accounts_may_not_decide(as_owner, submitted):
    assert as_owner.get(QUEUE).url.startswith(reverse("admin:login"))
    assert as_owner.post(APPROVE, {"shown": f"{submitted.pk}:1"}).status_code == 302
    assert state_of(submitted) == "submitted"


class TestOwnAccount:
    """The decider is a member of the account that applied."""

    @pytest.fixture(params=list(Member.Role))
    def membership(self, request, account):
        return lambda user: MemberFactory(account=account, user=user, role=request.param)

    def test_reviewer_may_not_decide(self, as_reviewer, reviewer, submitted, membership):
        membership(reviewer)
        page = get_html(as_reviewer.get(application_url(submitted)))
        assert "You belong to this account" in page
        assert APPROVE not in page
        shown = get_html(as_reviewer.get(APPROVE, {"shown": f"{submitted.pk}:1"}))
        assert "Nothing of this can be decided now" in shown
        assert "You belong to this account" in get_html(approve(as_reviewer, submitted))
        assert state_of(submitted) == "submitted"

    @pytest.mark.parametrize("other", [role for role in User.StaffRole if role])
    def test_superuser_may_not_decide_while_other_staff_is_active(self, client, submitted, membership, other):
        UserFactory(staff_role=other)
        superuser = UserFactory(staff_role=User.StaffRole.SUPERUSER)
        membership(superuser)
        client.force_login(superuser)
        assert "You belong to this account" in get_html(approve(client, submitted))
        assert state_of(submitted) == "submitted"

    def test_only_staff_user_may_decide_and_the_audit_trail_records_it(self, client, submitted, membership):
        UserFactory(staff_role=User.StaffRole.REVIEWER, is_active=False)
        superuser = UserFactory(staff_role=User.StaffRole.SUPERUSER)
        member = membership(superuser)
        client.force_login(superuser)
        assert "the audit trail will say so" in get_html(client.get(application_url(submitted)))
        approve(client, submitted)
        assert state_of(submitted) == "approved"
        decisions = AuditEvent.objects.filter(account=submitted.account, actor=superuser)
        events = decisions.exclude(code="staff.opened").order_by("pk")
        assert [event.code for event in events] == ["application.approved", OWN_ACCOUNT_CODE]
        client.force_login(member.user)
        assert "Decided by a member of the account" in get_html(client.get(reverse("audit-trail")))

    def test_decision_is_skipped_with_the_reason(self, reviewer, reviewer_actor, now, submitted, membership):
        membership(reviewer)
        assert decide(submitted, "approved", context=Context(reviewer_actor, now)).startswith("You belong")

    def test_reviewer_who_is_the_only_staff_user_may_not_decide(self, reviewer, submitted, membership, now):
        membership(reviewer)
        assert not User.objects.filter(staff_role=User.StaffRole.SUPERUSER).exists()
        assert decide(submitted, "rejected", context=Context(Actor(reviewer, "admin"), now))
        assert state_of(submitted) == "submitted"
