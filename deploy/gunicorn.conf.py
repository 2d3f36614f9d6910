"""Configuration of gunicorn for deploy/portal-web.service."""

import multiprocessing
import os
import sys


def forget_code() -> None:
    """Let the next import read the files again. Child processes inherit modules, and an upgrade replaces the files."""
    for name in [name for name in sys.modules if name.partition(".")[0] == "portal"]:
        del sys.modules[name]


forget_code()  # of the version that ran before `reload`

from portal.logging_settings import LOGGING  # noqa: E402

# Only the proxy (Caddy or nginx) may reach this address.
bind = os.environ.get("BIND", "127.0.0.1:8000")
workers = int(os.environ.get("WEB_CONCURRENCY", min(multiprocessing.cpu_count() + 1, 5)))
# Reads requests before a thread gets them: a slow client that reaches gunicorn directly occupies no thread.
worker_class = "portal.web_worker.BufferingWorker"
# A process runs one Python thread at a time, and SQLite hardly waits: on two processors with eight connections, the p99
# of match requests was 12 ms with two threads, 17 ms with four, and 20 ms with eight. PostgreSQL waits for the network,
# and other threads use that time. Slow clients occupy no thread, because the proxy buffers requests and responses.
threads = int(os.environ.get("WEB_THREADS", 8 if os.environ.get("DATABASE_URL", "").startswith("postgres") else 2))
# gunicorn replaces a worker that does not report for this long. With threads, this does not limit a request.
timeout = 60
graceful_timeout = 30
# Replace workers from time to time, to limit memory leaks. Rarely, because a dialer sends thousands of requests a
# minute and a new process takes a second of processor time to start. The jitter avoids replacing all at once.
max_requests = 200_000
max_requests_jitter = 20_000
# In memory: on a disk, a slow write would look like a stuck worker.
worker_tmp_dir = "/dev/shm"
accesslog = "-"
access_log_format = '%({x-forwarded-for}i)s "%(r)s" %(s)s %(b)s %(L)ss'
# The form of all lines of the portal (LOG_FORMAT), with secrets masked.
logconfig_dict = LOGGING
# systemd starts, stops and reloads gunicorn, so it needs no control socket.
control_socket_disable = True


def post_fork(server: object, worker: object) -> None:
    """Called in a new web process, before it loads the portal."""
    forget_code()


def post_request(worker: object, req: object, environ: object, resp: object) -> None:
    """Called after the access log: the next line of this thread belongs to another request."""
    from portal.logs.context import request_id  # here, because it is that of the web process

    request_id.set("")
