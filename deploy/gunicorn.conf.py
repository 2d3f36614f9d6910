"""gunicorn's settings: deploy/portal-web.service starts it with this file."""

import multiprocessing
import os

# Caddy or nginx stands in front and is the only one that may reach it.
bind = os.environ.get("BIND", "127.0.0.1:8000")
workers = int(os.environ.get("WEB_CONCURRENCY", min(multiprocessing.cpu_count() + 1, 5)))
worker_class = "gthread"
# Python runs one thread of a process at a time, and an answer from SQLite hardly waits: measured on two processors with
# eight connections, the slowest in a hundred of a dialer's answers took 12 ms with two threads, 17 ms with four, and 20
# ms with eight. An answer from PostgreSQL waits for the network between: more threads use that time. Slow readers and
# uploads hold no thread, because the server in front buffers them.
threads = int(os.environ.get("WEB_THREADS", 8 if os.environ.get("DATABASE_URL", "").startswith("postgres") else 2))
# A worker that does not report for so long is replaced. With threads this is not a limit on a request.
timeout = 60
graceful_timeout = 30
# Replaces workers now and then, not all at once, so that nothing they gather grows for ever; seldom, because a dialer
# asks thousands of times a minute, and a new process takes a second of a processor to begin.
max_requests = 200_000
max_requests_jitter = 20_000
# Not on a disk, where a slow write would look like a stuck worker.
worker_tmp_dir = "/dev/shm"
accesslog = "-"
access_log_format = '%({x-forwarded-for}i)s "%(r)s" %(s)s %(b)s %(L)ss'
# systemd starts, stops and reloads it; a socket to command it by is one way more to do harm.
control_socket_disable = True
