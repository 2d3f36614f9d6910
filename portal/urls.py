from django.contrib import admin
from django.urls import include, path

from portal import views

admin.site.site_header = admin.site.site_title = "Number Reputation: administration"
admin.site.index_title = "Reviews and accounts"

urlpatterns = [
    path("admin/", admin.site.urls),
    path("sign-in/", views.SignIn.as_view(), name="sign-in"),
    path("sign-out/", views.SignOut.as_view(), name="sign-out"),
    path("password/", include("portal.password_urls")),
    path("account/switch/", views.switch_account, name="switch-account"),
    path("account/members/", views.members, name="members"),
    path("account/audit-trail/", views.audit_trail, name="audit-trail"),
    path("account/settings/", views.preferences, name="preferences"),
    path("enrollment/", include("enrollment.urls")),
    path("", include("reputation.urls")),
]
handler403 = "portal.views.refused"
