"""The provider's pages."""

from django.contrib.auth.views import LoginView
from django.urls import include, path
from oauth2_provider.views import ConnectDiscoveryInfoView

urlpatterns = [
    path("o/", include("oauth2_provider.urls")),
    # A place that is not the issuer's, with the issuer's document.
    path("elsewhere/.well-known/openid-configuration", ConnectDiscoveryInfoView.as_view()),
    path("sign-in/", LoginView.as_view()),
]
