"""The group Reviewers: who is in it, and is staff, reviews applications and edits accounts and licences."""

from __future__ import annotations

from typing import Any

from django.apps import AppConfig, apps
from django.contrib.auth.management import create_permissions

GROUP_NAME = "Reviewers"

# App, model, and what reviewers may do with it in Django admin.
PERMISSIONS = (
    ("enrollment", "application", ("view", "change")),
    ("portal", "account", ("view", "change")),
    ("portal", "licence", ("view", "add", "change")),
)


def create_group(sender: AppConfig, using: str, **kwargs: Any) -> None:
    """After each migrate; run again it changes nothing, and what was granted to the group besides is kept."""
    from django.contrib.auth.models import Group, Permission

    for label in {app for app, _, _ in PERMISSIONS}:
        create_permissions(apps.get_app_config(label), verbosity=0, using=using)
    group, _ = Group.objects.using(using).get_or_create(name=GROUP_NAME)
    for app, model, actions in PERMISSIONS:
        permissions = Permission.objects.using(using).filter(
            content_type__app_label=app, codename__in=[f"{action}_{model}" for action in actions]
        )
        group.permissions.add(*permissions)
