"""ETag and If-Match (RFC 9110): refuse a change to an object that somebody else changed since it was read."""

from __future__ import annotations

from hashlib import sha256

from portal.api.authentication import ApiRequest
from portal.api.problems import Problem


def etag(*values: object) -> str:
    """Return the version of an object, made of the values that a caller may change.

    Values that the service finds out itself are left out, or every lookup would invalidate a caller's version.
    """
    return f'"{sha256(repr(values).encode()).hexdigest()[:20]}"'


def check_if_match(request: ApiRequest, current: str) -> None:
    """Raise the problem of a stale version. Call it while the row is locked. Without If-Match every version passes."""
    if_match = request.headers.get("If-Match")
    if if_match is None or if_match.strip() == "*":
        return
    if current not in [version.strip() for version in if_match.split(",")]:
        raise Problem("changed_meanwhile", headers={"ETag": current})
