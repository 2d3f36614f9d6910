"""Changing a password, and making a new one by mail: Django's own views with our pages."""

urlpatterns: list = []
