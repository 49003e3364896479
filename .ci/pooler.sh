# Sourced by .ci/run, behind engine.sh: PgBouncer for test/e2e/doctor/pooler, where it can be installed. Where it cannot, that test prints why it
# was not run; nothing else depends on it.

install_pooler() {
  if command -v pgbouncer > /dev/null; then
    echo "pooler: the one that is installed already"
    return
  fi
  if [ "$(id -u)" != 0 ]; then
    echo "pooler: there is none, and installing one takes root"
    return
  fi
  local log
  log=$(mktemp)
  if { packages 120 update && packages 120 install --yes pgbouncer; } > "$log" 2>&1 < /dev/null; then
    echo "pooler: installed"
  else
    echo "pooler: pgbouncer cannot be installed here; apt-get's last words:"
    tail -n 3 "$log"
  fi
  rm -f "$log"
}
