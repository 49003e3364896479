# Sourced by .ci/run: a container engine for test/container, where one can run. Sets DOCKER_HOST when it has started one.
# Whatever goes wrong here, the tests that need an engine print why they were not run; nothing else depends on it.

engine_pid=
engine_root=

start_engine() {
  if engine_answers; then
    echo "container engine: the one that answers already"
    return
  fi
  if [ "$(id -u)" != 0 ]; then
    echo "container engine: none answers, and starting one takes root"
    return
  fi
  engine_root=$(mktemp -d)
  if ! have_engine && ! install_engine > "$engine_root/apt.log" 2>&1 < /dev/null; then
    echo "container engine: docker.io cannot be installed here; apt-get's last words:"
    tail -n 3 "$engine_root/apt.log"
    stop_engine
    return
  fi
  # overlay2 shares an image's files between containers, vfs copies them for each, but works within containers too.
  local driver
  for driver in overlay2 vfs; do
    run_engine "$driver" && return
  done
  echo "container engine: dockerd does not run here; its last words:"
  tail -n 3 "$engine_root/log"
  stop_engine
}

# 0 when dockerd answers with this storage driver.
run_engine() {
  dockerd --storage-driver="$1" --data-root="$engine_root/data-$1" --exec-root="$engine_root/exec" \
    --pidfile="$engine_root/pid" --host="unix://$engine_root/docker.sock" > "$engine_root/log" 2>&1 < /dev/null &
  engine_pid=$!
  for _ in $(seq 60); do
    if DOCKER_HOST="unix://$engine_root/docker.sock" engine_answers; then
      export DOCKER_HOST="unix://$engine_root/docker.sock"
      echo "container engine: started, storage driver $1"
      return
    fi
    kill -0 "$engine_pid" 2> /dev/null || break
    sleep 0.5
  done
  end_engine
  return 1
}

engine_answers() {
  have docker && timeout 20 docker version > /dev/null 2>&1 < /dev/null
}

have_engine() {
  have dockerd && have docker
}

have() {
  command -v "$1" > /dev/null
}

# Newer releases of Debian have the client in a package of its own. A registry that is not reached gives up soon.
install_engine() {
  packages 120 update && packages 300 install --yes docker.io iptables && { have docker || packages 120 install --yes docker-cli; } &&
    have_engine
}

packages() {
  DEBIAN_FRONTEND=noninteractive timeout --kill-after=10 "$1" apt-get -qq --no-install-recommends \
    -o Acquire::http::Timeout=20 -o Acquire::https::Timeout=20 -o Acquire::Retries=1 -o DPkg::Lock::Timeout=60 "${@:2}"
}

# Ends what start_engine has started, with the containerd that it brings, and removes all that the two have written.
stop_engine() {
  end_engine
  if [ -n "$engine_root" ]; then
    rm -rf "$engine_root" 2> /dev/null || true
    engine_root=
  fi
}

end_engine() {
  [ -n "$engine_pid" ] || return 0
  kill "$engine_pid" 2> /dev/null || true
  for _ in $(seq 60); do
    kill -0 "$engine_pid" 2> /dev/null || break
    sleep 0.5
  done
  if kill -0 "$engine_pid" 2> /dev/null; then
    kill -KILL "$engine_pid" "$(cat "$engine_root/exec/containerd/containerd.pid" 2> /dev/null)" 2> /dev/null || true
  fi
  wait "$engine_pid" 2> /dev/null || true
  engine_pid=
}
