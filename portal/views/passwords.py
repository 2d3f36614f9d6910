"""Password pages: Django's views for changing and resetting a password, with our templates."""

from django.contrib import messages
from django.contrib.auth import views
from django.contrib.auth.forms import PasswordChangeForm, SetPasswordForm
from django.http import HttpResponse
from django.urls import path, reverse_lazy

from portal.accounts.access import member_required
from portal.accounts.passwords import UserPasswordResetForm


class PasswordChangeView(views.PasswordChangeView):
    template_name = "portal/password_change.html"
    success_url = reverse_lazy("preferences")

    def form_valid(self, form: PasswordChangeForm) -> HttpResponse:
        messages.success(self.request, "Your password was changed. You are signed out everywhere else.")
        return super().form_valid(form)


class PasswordResetConfirmView(views.PasswordResetConfirmView):
    template_name = "portal/password_reset_confirm.html"
    success_url = reverse_lazy("sign-in")

    def form_valid(self, form: SetPasswordForm) -> HttpResponse:
        messages.success(self.request, "Your password is set. Sign in with it.")
        return super().form_valid(form)


urlpatterns = [
    path("change/", member_required(PasswordChangeView.as_view()), name="password_change"),
    path(
        "forgotten/",
        views.PasswordResetView.as_view(template_name="portal/password_reset.html", form_class=UserPasswordResetForm),
        name="password_reset",
    ),
    path(
        "forgotten/sent/",
        views.PasswordResetDoneView.as_view(template_name="portal/password_reset_done.html"),
        name="password_reset_done",
    ),
    path("set/<uidb64>/<token>/", PasswordResetConfirmView.as_view(), name="password_reset_confirm"),
]
