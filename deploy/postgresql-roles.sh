#!/bin/sh
# The image of PostgreSQL runs this once, while it sets up a new database: it makes the role of the portal, which owns no
# table. The tables belong to POSTGRES_USER, as whom the service `migrate` connects.
set -eu
psql --quiet --set ON_ERROR_STOP=1 --set password="$(cat "$PORTAL_PASSWORD_FILE")" \
  --username "$POSTGRES_USER" --dbname "$POSTGRES_DB" <<'SQL'
CREATE ROLE portal LOGIN PASSWORD :'password';
SQL
