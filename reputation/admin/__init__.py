"""Django admin, for operators: connections and roles of providers, remediation desks, and sources of complaints."""

from reputation.admin import complaint_files, desks, fcc, providers

__all__ = ["complaint_files", "desks", "fcc", "providers"]
