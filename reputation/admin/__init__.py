"""Django admin: connections and roles of providers, and the state of the sources of complaints. For operators."""

from reputation.admin import complaint_files, fcc, providers

__all__ = ["complaint_files", "fcc", "providers"]
