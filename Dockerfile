# The image of the portal: web server, task workers and manage.py. compose.yaml runs it. See docs/production.md.
FROM python:3.12-slim-bookworm AS build
WORKDIR /opt/portal
RUN python -m venv .venv
COPY requirements.txt ./
RUN .venv/bin/pip install --no-cache-dir --require-hashes -r requirements.txt

FROM python:3.12-slim-bookworm
# pg_dump and pg_restore, for backup and restore. They are of Debian 12's version of PostgreSQL, as is that of compose.yaml.
RUN apt-get update && apt-get install --yes --no-install-recommends postgresql-client && rm -rf /var/lib/apt/lists/*
RUN groupadd --system --gid 10001 portal && useradd --system --uid 10001 --gid portal --home-dir /var/lib/portal portal \
    && install -d -m 750 -o portal -g portal /var/lib/portal
WORKDIR /opt/portal
COPY --from=build /opt/portal/.venv .venv
COPY . .
ENV DATA_DIR=/var/lib/portal BIND=0.0.0.0:8000 DIALER_BIND=0.0.0.0:8001 PYTHONDONTWRITEBYTECODE=1 PYTHONUNBUFFERED=1
USER portal
VOLUME /var/lib/portal
EXPOSE 8000 8001
# The root may be read-only: only DATA_DIR, /tmp and /dev/shm are written to.
HEALTHCHECK --interval=15s --timeout=5s --start-period=60s \
    CMD [".venv/bin/python", "-c", "import urllib.request as u; u.urlopen('http://127.0.0.1:8000/healthz', timeout=4)"]
CMD ["sh", "-c", "umask 0027; exec .venv/bin/gunicorn --config deploy/gunicorn.conf.py portal.wsgi"]
