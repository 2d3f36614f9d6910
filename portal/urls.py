from allauth.account.models import EmailAddress
from allauth.mfa.models import Authenticator
from allauth.socialaccount.models import SocialAccount, SocialApp, SocialToken
from allauth.usersessions.models import UserSession
from django.contrib import admin
from django.contrib.auth.models import Group
from django.urls import include, path
from django_q.models import Failure, OrmQ, Schedule, Success

from portal.views import (
    api_keys,
    audit_trail,
    invitations,
    members,
    openid_connect,
    passwords,
    preferences,
    second_factors,
    sessions,
    signing_in,
    webhooks,
)

# Roles replace groups. Schedules and tasks are not editable: one wrong schedule stops the scheduler.
# Operations has the failed tasks: django-q2 takes a task that failed for one that is done.
LIBRARY_MODELS = (Authenticator, EmailAddress, SocialAccount, SocialApp, SocialToken, UserSession)
for model in (Group, Failure, OrmQ, Schedule, Success, *LIBRARY_MODELS):
    if admin.site.is_registered(model):
        admin.site.unregister(model)

urlpatterns = [
    path("", include("reputation.urls")),
    path("admin/", admin.site.urls),
    *signing_in.urls,
    *openid_connect.urls,
    *second_factors.urls,
    *sessions.urls,
    *passwords.urls,
    *members.urls,
    *invitations.urls,
    *api_keys.urls,
    *audit_trail.urls,
    *preferences.urls,
    *webhooks.urls,
    path("enrollment/", include("enrollment.urls")),
]
handler403 = "portal.views.signing_in.permission_denied"
handler500 = "portal.views.errors.handle_error"
