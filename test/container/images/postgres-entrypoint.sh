#!/bin/sh
# What docker-library's Postgres image promises to whoever starts it: POSTGRES_PASSWORD, POSTGRES_USER and POSTGRES_DB; a
# server on a socket of its own for the init scripts; then the one that stays.
set -eu
: "${POSTGRES_PASSWORD:?must be set}"
user=${POSTGRES_USER:-postgres}
database=${POSTGRES_DB:-$user}
data=/var/lib/postgresql/data
if [ ! -s "$data/PG_VERSION" ]; then
  printf '%s' "$POSTGRES_PASSWORD" > /tmp/password
  initdb -D "$data" -U "$user" --pwfile=/tmp/password --auth-local=trust --auth-host=scram-sha-256 -E UTF8 --locale=C --no-sync
  rm /tmp/password
  echo 'host all all all scram-sha-256' >> "$data/pg_hba.conf"
  pg_ctl -D "$data" -w start -o "-c listen_addresses=''"
  [ "$database" = postgres ] || psql -U "$user" -d postgres -v ON_ERROR_STOP=1 -c "create database \"$database\""
  for script in /docker-entrypoint-initdb.d/*.sql; do
    [ -e "$script" ] || continue
    psql -U "$user" -d "$database" -v ON_ERROR_STOP=1 -v password="$POSTGRES_PASSWORD" -f "$script"
  done
  pg_ctl -D "$data" -w -m fast stop
fi
exec postgres -D "$data" -c listen_addresses='*' "$@"
