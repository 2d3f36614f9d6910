"""Django admin: the state of the sources of complaints. For operators."""

from reputation.admin import complaint_files, fcc

__all__ = ["complaint_files", "fcc"]
