"""Django admin: the state of the sources of complaints. For operators."""

from reputation.admin import fcc

__all__ = ["fcc"]
