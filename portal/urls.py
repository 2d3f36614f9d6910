from allauth.account.decorators import secure_admin_login
from allauth.account.models import EmailAddress
from django.contrib import admin
from django.contrib.auth.models import Group
from django.urls import include, path
from django_q.models import Failure, OrmQ, Schedule, Success

from portal.views import api_keys, audit_trail, members, passwords, preferences, signing_in, webhooks

admin.site.site_header = admin.site.site_title = "Number Reputation: administration"
admin.site.index_title = "Reviews and accounts"
# Roles replace groups. Schedules and tasks are not editable: one wrong schedule stops the scheduler.
# Operations has the failed tasks: django-q2 takes a task that failed for one that is done.
for model in (Group, EmailAddress, Failure, OrmQ, Schedule, Success):
    if admin.site.is_registered(model):
        admin.site.unregister(model)

# Staff sign in, and change their password, on the pages of everybody.
admin.site.login = secure_admin_login(admin.site.login)  # type: ignore[method-assign]  # as allauth documents
admin.site.password_change = passwords.change_password  # type: ignore[assignment,method-assign]

urlpatterns = [
    path("", include("reputation.urls")),
    path("admin/", admin.site.urls),
    *signing_in.urls,
    *passwords.urls,
    *members.urls,
    *api_keys.urls,
    *audit_trail.urls,
    *preferences.urls,
    *webhooks.urls,
    path("enrollment/", include("enrollment.urls")),
]
handler403 = "portal.views.signing_in.permission_denied"
handler500 = "portal.views.errors.handle_error"
