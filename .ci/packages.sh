# Sourced by .ci/run, behind engine.sh: what some tests need besides, where it can be installed. Where it cannot, those tests
# print why they were not run; nothing else depends on it.

# PgBouncer, for test/e2e/doctor/pooler; libfaketime, for test/cli/clock and test/e2e/doctor/clock; Chromium, for test/html;
# Debian's Postgres with PostGIS, for test/e2e/postgres-bin.
install_packages() {
  local package
  for package in pgbouncer faketime chromium; do
    install_package "$package" "$(command -v "$package" || true)"
  done
  install_package postgresql-15-postgis-3 /usr/share/postgresql/15/extension/postgis.control
}

# A package, and a file that is there where it is installed.
install_package() {
  if [ -e "$2" ]; then
    echo "$1: the one that is installed already"
    return
  fi
  if [ "$(id -u)" != 0 ]; then
    echo "$1: there is none, and installing one takes root"
    return
  fi
  local log
  log=$(mktemp)
  if { packages 120 update && packages 300 install --yes "$1"; } > "$log" 2>&1 < /dev/null; then
    echo "$1: installed"
  else
    echo "$1: cannot be installed here; apt-get's last words:"
    tail -n 3 "$log"
  fi
  rm -f "$log"
}
