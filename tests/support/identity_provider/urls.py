"""The provider's pages."""

from django.contrib.auth.views import LoginView
from django.urls import include, path

urlpatterns = [
    path("o/", include("oauth2_provider.urls")),
    path("sign-in/", LoginView.as_view()),
]
