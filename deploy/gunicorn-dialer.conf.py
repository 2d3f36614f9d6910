"""Configuration of gunicorn for deploy/portal-dialer.service: the processes that answer dialers, /api/v1/match.

They have a socket of their own, to which the proxy passes only this address. Whatever visitors of the pages do, such as
large exports or guessed passwords, occupies processes of deploy/portal-web.service. All else is as in gunicorn.conf.py.
"""

import os
from pathlib import Path

exec(Path(__file__).with_name("gunicorn.conf.py").read_text())  # noqa: S102 - the file beside this one

# Only the proxy (Caddy or nginx) may reach this address.
bind = os.environ.get("DIALER_BIND", "127.0.0.1:8001")
# A match takes few milliseconds. A second process answers while one is replaced, or the system pauses it.
workers = int(os.environ.get("DIALER_PROCESSES", 2))
