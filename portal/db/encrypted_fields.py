"""Model fields that are encrypted in the database, and in the clear in Python.

A value that cannot be decrypted reads as empty, and the log says so: one lost key then stops what needs the secret, and
no page that shows other things of the row. Queries cannot compare encrypted values.
"""

from __future__ import annotations

import json
import logging
from typing import Any

from django.core.exceptions import FieldError
from django.db import models
from django.db.backends.base.base import BaseDatabaseWrapper

from portal.encryption import PREFIX, CannotDecrypt, decrypt, encrypt

logger = logging.getLogger(__name__)


class _NotComparable:
    """Encrypting a value again gives another text, so a comparison in a query would never hold."""

    def get_lookup(self, lookup_name: str) -> Any:
        if lookup_name == "isnull":
            return super().get_lookup(lookup_name)  # type: ignore[misc]  # of the field
        raise FieldError("Encrypted fields cannot be compared in queries. Compare the value in Python.")


class EncryptedCharField(_NotComparable, models.CharField):
    """A short text. `max_length` is that of the encrypted text: about 100 characters and 1.4 times the text's bytes."""

    def get_prep_value(self, value: object) -> str | None:
        text = super().get_prep_value(value)
        return encrypt(text) if text else text

    def from_db_value(self, value: str | None, expression: object, connection: BaseDatabaseWrapper) -> str | None:
        return _decrypt_or_empty(value, self) if value else value


class EncryptedJSONField(_NotComparable, models.JSONField):
    """An object as JSON. The column holds the encrypted text as a JSON string. An empty object stays in the clear."""

    def get_db_prep_value(self, value: Any, connection: BaseDatabaseWrapper, prepared: bool = False) -> Any:
        if value and not hasattr(value, "as_sql"):
            value = encrypt(json.dumps(value, cls=self.encoder))
        return super().get_db_prep_value(value, connection, prepared)

    def from_db_value(self, value: str | None, expression: Any, connection: BaseDatabaseWrapper) -> Any:
        stored = super().from_db_value(value, expression, connection)
        if not isinstance(stored, str) or not stored.startswith(PREFIX):
            return stored
        text = _decrypt_or_empty(stored, self)
        return json.loads(text, cls=self.decoder) if text else {}


def _decrypt_or_empty(stored: str, field: models.Field[Any, Any]) -> str:
    try:
        return decrypt(stored)
    except CannotDecrypt as error:
        logger.error("A value of %s cannot be read: %s", field, error)
        return ""
