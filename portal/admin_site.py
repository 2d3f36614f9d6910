"""The site of Django admin: staff sign in on the page of everybody, with a second factor."""

from __future__ import annotations

from functools import wraps
from typing import Any

from allauth.account.decorators import secure_admin_login
from django.contrib.admin import AdminSite
from django.http import HttpRequest
from django.shortcuts import redirect

from portal.authentication.second_factors import get_requirement


class PortalAdminSite(AdminSite):
    site_header = site_title = "Number Reputation: administration"
    index_title = "Reviews and accounts"

    def admin_view(self, view: Any, cacheable: bool = False) -> Any:
        """Staff without a second factor are sent to the page where they add one."""

        @wraps(view)
        def with_second_factor(request: HttpRequest, *args: Any, **kwargs: Any) -> Any:
            if self.has_permission(request) and get_requirement(request):
                return redirect("mfa_index")
            return view(request, *args, **kwargs)

        return super().admin_view(with_second_factor, cacheable)

    def login(self, request: HttpRequest, extra_context: dict[str, Any] | None = None) -> Any:
        return secure_admin_login(super().login)(request, extra_context)

    def password_change(self, request: HttpRequest, extra_context: dict[str, Any] | None = None) -> Any:
        return redirect("account_change_password")
