"""ETag and If-Match (RFC 9110): of two who change the same object, the second learns that it was not the one it saw."""

from __future__ import annotations

from hashlib import sha256

from portal.api.authentication import ApiRequest
from portal.api.problems import Problem


def etag(*values: object) -> str:
    """The version of an object, from the values that a caller may change; what the service itself finds out about it
    is left out, or every look-up would undo a caller's work."""
    return f'"{sha256(repr(values).encode()).hexdigest()[:20]}"'


def check_if_match(request: ApiRequest, current: str) -> None:
    """Raises the problem of a stale version. Call it with the row locked. Without If-Match anything goes."""
    asked = request.headers.get("If-Match")
    if asked is None or asked.strip() == "*":
        return
    if current not in [one.strip() for one in asked.split(",")]:
        raise Problem("changed_meanwhile", headers={"ETag": current})
