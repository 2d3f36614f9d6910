#!/bin/bash
# Installs the portal on Debian 12 or Ubuntu 24.04, or upgrades it. It runs the commands of docs/production.md.
#
#   REPOSITORY=https://... HOST=numbers.example.com DATABASE=sqlite deploy/install.sh [STEP...]
#
# DATABASE is sqlite or postgres. Without a STEP, all steps run in order. Settings that are there already are kept.
set -euo pipefail
umask 022
HOST=${HOST:-numbers.example.com}
DATABASE=${DATABASE:-sqlite}
REPOSITORY=${REPOSITORY:-$(cd "$(dirname "$0")/.." && pwd)}
export DEBIAN_FRONTEND=noninteractive
STEPS=(packages user code settings database command migrate services proxy)

say() { echo "portal: $*"; }

# Runs a command of systemd, or says that it is left out.
with_systemd() {
  if [ -d /run/systemd/system ]; then "$@"; else say "left out, because systemd is not running: $*"; fi
}

step_packages() {
  apt-get update
  apt-get install --yes python3-venv git caddy
  if [ "$DATABASE" = postgres ]; then
    apt-get install --yes postgresql
  fi
}

step_user() {
  adduser --system --group --home /var/lib/portal portal
  install -d -m 750 -o portal -g portal /var/lib/portal
}

step_code() {
  if [ -d /opt/portal/.git ]; then
    git -C /opt/portal pull --ff-only
  else
    git clone "$REPOSITORY" /opt/portal
  fi
  cd /opt/portal
  chmod 700 .git
  python3 -m venv .venv
  .venv/bin/pip install --require-hashes -r requirements.txt
}

step_settings() {
  if [ -e /etc/portal/portal.env ]; then say "kept: /etc/portal/portal.env"; return; fi
  cd /opt/portal
  install -d -m 750 -o root -g portal /etc/portal
  install -m 640 -o root -g portal .env.example /etc/portal/portal.env
  sed -i "s/numbers.example.com/$HOST/" /etc/portal/portal.env
  sed -i "s/^SECRET_KEY=$/SECRET_KEY=$(python3 -c 'import secrets; print(secrets.token_urlsafe(50))')/" /etc/portal/portal.env
  say "to do: set the mail server and the addresses in /etc/portal/portal.env, and restart the services"
}

step_database() {
  if [ "$DATABASE" != postgres ]; then return; fi
  if runuser -u postgres -- psql -d postgres -tAc "SELECT 1 FROM pg_database WHERE datname = 'portal'" | grep -q 1; then
    say "kept: the database portal"
    return
  fi
  runuser -u postgres -- createuser portal
  runuser -u postgres -- createuser portal_owner
  runuser -u postgres -- createdb --owner=portal_owner --encoding=UTF8 --template=template0 portal
  password=$(python3 -c 'import secrets; print(secrets.token_urlsafe(30))')
  runuser -u postgres -- psql -q -d postgres <<< "ALTER ROLE portal_owner PASSWORD '$password'"
  install -m 600 /dev/null /etc/portal/owner.env
  echo "MIGRATE_DATABASE_URL=postgres://portal_owner:$password@127.0.0.1:5432/portal" > /etc/portal/owner.env
  sed -i "s|^# DATABASE_URL=.*|DATABASE_URL=postgres:////run/postgresql/portal|" /etc/portal/portal.env
}

step_command() {
  cd /opt/portal
  install -m 755 deploy/portal_command.py /usr/local/bin/portal
}

step_migrate() {
  portal check --deploy
  portal migrate
  portal collectstatic --noinput
}

step_services() {
  cd /opt/portal
  cp deploy/portal-web.service deploy/portal-dialer.service deploy/portal-worker.service /etc/systemd/system/
  with_systemd systemctl daemon-reload
  with_systemd systemctl enable --now portal-web portal-dialer portal-worker
  with_systemd systemctl reload portal-web portal-dialer
  with_systemd systemctl restart portal-worker
}

step_proxy() {
  cd /opt/portal
  if grep -qs PORTAL_DIALER_UPSTREAM /etc/caddy/Caddyfile; then say "kept: /etc/caddy/Caddyfile"; return; fi
  if grep -qs PORTAL_UPSTREAM /etc/caddy/Caddyfile; then
    say "kept: /etc/caddy/Caddyfile"
    say "to do: it passes nothing to portal-dialer. Take over what is new in deploy/Caddyfile or deploy/Caddyfile-2.6"
    return
  fi
  case "$(caddy version)" in *2.6.*) caddyfile=Caddyfile-2.6 ;; *) caddyfile=Caddyfile ;; esac
  install -m 644 deploy/$caddyfile /etc/caddy/Caddyfile
  sed -i "s/numbers.example.com/$HOST/" /etc/caddy/Caddyfile
  with_systemd systemctl reload caddy
}

main() {
  if [ "$(id -u)" != 0 ]; then say "run this as root"; exit 1; fi
  case "$DATABASE" in sqlite | postgres) ;; *) say "DATABASE is sqlite or postgres, not $DATABASE"; exit 1 ;; esac
  local step
  for step in "${@:-${STEPS[@]}}"; do
    say "step $step"
    "step_$step"
  done
  say "done"
}

# The whole file is read before it runs, because an upgrade replaces it.
main "$@"; exit
