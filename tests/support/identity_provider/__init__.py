"""An OpenID Connect provider in a process of its own: django-oauth-toolkit, on a database of its own."""

from __future__ import annotations

import os
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from tests.support.processes import ROOT
from tests.support.servers import free_port, wait_for_port

CLIENT_ID, CLIENT_SECRET = "portal", "a secret of the portal and the provider"
PASSWORD = "staple battery horse"
# Their names there and their addresses. The provider has verified all but the last.
PEOPLE = {"pat": "Pat@example.com", "stranger": "stranger@example.com", "kim": "kim@example.com"}
UNVERIFIED = "kim"
# What is wrong with the ID tokens of these people; see claims.py. Their addresses are verified.
FAULTS = ("forged", "unsigned", "symmetric", "replayed", "without-nonce", "mistaken", "for-another", "expired")
PEOPLE |= {name: f"{name}@example.com" for name in FAULTS}


@contextmanager
def identity_provider(folder: Path, portal_url: str) -> Iterator[str]:
    """Yield the issuer's address of a running provider that knows `PEOPLE`, with `PASSWORD`, and this portal."""
    port = free_port()
    environment = os.environ | {
        "DJANGO_SETTINGS_MODULE": f"{__name__}.settings",
        "PROVIDER_FOLDER": str(folder),
        "PROVIDER_CALLBACK": f"{portal_url}/sign-in/provider/callback/",
    }
    with (folder / "provider.log").open("wb") as log:
        process = subprocess.Popen(
            [sys.executable, "-m", __name__, str(port)], cwd=ROOT, env=environment, stdout=log, stderr=log
        )
    try:
        wait_for_port(port, "The identity provider", process)
        yield f"http://127.0.0.1:{port}/o"
    finally:
        process.terminate()
        process.wait()
