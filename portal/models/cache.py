"""The table of Django's database cache."""

from __future__ import annotations

from django.db import models


class CacheEntry(models.Model):
    """A value that all processes share for a while. The columns are those of the command createcachetable."""

    cache_key = models.CharField(max_length=255, primary_key=True)
    value = models.TextField()
    expires = models.DateTimeField(db_index=True)

    class Meta:
        db_table = "portal_cache"

    def __str__(self) -> str:
        return self.cache_key
