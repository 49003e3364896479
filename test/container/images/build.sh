#!/usr/bin/env bash
# Builds the images of these tests without pulling any: a Postgres from Debian's packages, the builtin gateway with Node,
# and a few made from the first. Usage: build.sh <repository> <workspace>. Prints nothing but what fails.
set -euo pipefail
repository=$1
work=$2
here=$(cd "$(dirname "$0")" && pwd)

# Every package that Postgres needs, as if none were installed, by lists of its own: the images do not depend on what this
# machine has, and leave nothing on it but themselves. Exit 3: they cannot be had.
mkdir -p "$work"/apt/lists/partial "$work"/apt/archives/partial "$work/debian"
: > "$work/apt/status"
packages() {
  timeout --kill-after=10 "$1" apt-get "${@:2}" -qq --no-install-recommends -o Acquire::http::Timeout=20 \
    -o Acquire::https::Timeout=20 -o Acquire::Retries=1 -o APT::Sandbox::User=root \
    -o Dir::State::status="$work/apt/status" -o Dir::State::lists="$work/apt/lists" \
    -o Dir::Cache="$work/apt" -o Dir::Cache::archives="$work/apt/archives" >> "$work/apt.log" 2>&1
}
{ packages 120 update && packages 240 install --yes --download-only postgresql busybox-static libstdc++6 libgcc-s1; } ||
  { tail -n 5 "$work/apt.log" >&2; exit 3; }
for package in "$work"/apt/archives/*.deb; do
  case $(basename "$package") in
    perl* | libperl* | libllvm* | libz3* | locales* | libc-l10n* | dpkg_* | passwd_* | openssl_* | postgresql-common* | debconf*) ;;
    *) dpkg-deb --extract "$package" "$work/debian" ;;
  esac
done

# Libraries and the loader, wherever this Debian keeps them.
libraries() {
  mkdir -p "$1/lib64" "$1/lib" "$1/tmp" "$1/etc"
  cp -a "$work"/debian/lib/x86_64-linux-gnu "$1/lib/" 2> /dev/null || true
  mkdir -p "$1/usr/lib"
  cp -a "$work"/debian/usr/lib/x86_64-linux-gnu "$1/usr/lib/"
  rm -rf "$1"/usr/lib/x86_64-linux-gnu/{gconv,perl,perl-base,security,sasl2} "$1"/lib/x86_64-linux-gnu/security
  cp -L "$work"/debian/lib64/ld-linux-x86-64.so.2 "$1/lib64/" 2> /dev/null ||
    cp -L "$work"/debian/usr/lib64/ld-linux-x86-64.so.2 "$1/lib64/"
  chmod 1777 "$1/tmp"
}

import() {
  local tree=$1 tag=$2
  shift 2
  tar --create --directory "$tree" --owner=999 --group=999 --numeric-owner . | docker import "$@" - "$tag" > /dev/null
}

postgres=$work/postgres
libraries "$postgres"
server=$(ls -d "$work"/debian/usr/lib/postgresql/*)
version=$(basename "$server")
mkdir -p "$postgres"/{bin,docker-entrypoint-initdb.d} "$postgres/usr/lib/postgresql/$version" \
  "$postgres"/usr/share/postgresql "$postgres"/var/lib/postgresql/data "$postgres"/var/run/postgresql
cp -a "$server"/bin "$server"/lib "$postgres/usr/lib/postgresql/$version/"
rm -rf "$postgres/usr/lib/postgresql/$version/lib"/{bitcode,pgxs,llvmjit*}
cp -a "$work/debian/usr/share/postgresql/$version" "$postgres/usr/share/postgresql/"
cp -a "$work"/debian/usr/share/zoneinfo "$postgres/usr/share/"
cp "$work"/debian/bin/busybox "$postgres/bin/" 2> /dev/null || cp "$work"/debian/usr/bin/busybox "$postgres/bin/"
for name in sh cat cp echo id ls mkdir printf rm sleep test '[' chmod; do ln -sf busybox "$postgres/bin/$name"; done
echo 'postgres:x:999:999::/var/lib/postgresql:/bin/sh' > "$postgres/etc/passwd"
echo 'postgres:x:999:' > "$postgres/etc/group"
install -m 755 "$here/postgres-entrypoint.sh" "$postgres/entrypoint.sh"
chmod 777 "$postgres/var/run/postgresql"
import "$postgres" rowgate-test/postgres:debian \
  --change "ENV PATH=/usr/lib/postgresql/$version/bin:/bin" --change 'USER 999:999' \
  --change 'VOLUME /var/lib/postgresql/data' --change 'ENTRYPOINT ["/entrypoint.sh"]' --change 'EXPOSE 5432'

gateway=$work/gateway
libraries "$gateway"
rm -f "$gateway"/usr/lib/x86_64-linux-gnu/libicu*
mkdir -p "$gateway"/usr/bin "$gateway"/app/node_modules
cp -L "$(command -v node)" "$gateway/usr/bin/node"
cp -a "$repository/dist" "$repository/sql" "$gateway/app/"
cp "$here/gateway.mjs" "$gateway/app/"
# What the gateway imports: pg, and what that needs.
(cd "$repository" && node -e '
  const { createRequire } = require("node:module");
  const { readFileSync } = require("node:fs");
  const seen = new Set();
  const visit = (name, from) => {
    const folder = createRequire(from).resolve.paths(name).map((one) => `${one}/${name}`)
      .find((one) => require("node:fs").existsSync(`${one}/package.json`));
    if (folder === undefined || seen.has(folder)) return;
    seen.add(folder);
    const own = JSON.parse(readFileSync(`${folder}/package.json`, "utf8"));
    for (const one of Object.keys(own.dependencies ?? {})) visit(one, `${folder}/`);
  };
  visit("pg", `${process.cwd()}/`);
  console.log([...seen].join("\n"));
') | while read -r folder; do cp -aL "$folder" "$gateway/app/node_modules/"; done
import "$gateway" rowgate-test/gateway:builtin \
  --change 'USER 999:999' --change 'WORKDIR /app' --change 'ENTRYPOINT ["/usr/bin/node", "/app/gateway.mjs"]' --change 'EXPOSE 3000'

# A client without the buildx plugin builds the old way once it is told to, and complains at length.
derive() {
  DOCKER_BUILDKIT=${DOCKER_BUILDKIT:-0} docker build --quiet --tag "rowgate-test/$1" --file - "$here" \
    > "$work/build.log" 2>&1 || { cat "$work/build.log" >&2; exit 1; }
}
derive postgres:supabase << 'END'
FROM rowgate-test/postgres:debian
COPY supabase.sql /docker-entrypoint-initdb.d/
ENV POSTGRES_USER=supabase_admin POSTGRES_DB=postgres
END
derive postgres:ends << 'END'
FROM rowgate-test/postgres:debian
ENTRYPOINT ["/bin/sh", "-c", "echo \"no room for $POSTGRES_PASSWORD on this disk\" >&2; exit 3"]
END
derive postgres:slow << 'END'
FROM rowgate-test/postgres:debian
ENTRYPOINT ["/bin/sh", "-c", "sleep 600 & wait"]
END
derive postgres:other << 'END'
FROM rowgate-test/postgres:debian
ENTRYPOINT ["/bin/sh", "-c", "POSTGRES_PASSWORD=another exec /entrypoint.sh"]
END
derive gateway:ends << 'END'
FROM rowgate-test/postgres:debian
ENTRYPOINT ["/bin/sh", "-c", "echo 'cannot serve' >&2; exit 1"]
END
derive gateway:missing << 'END'
FROM rowgate-test/postgres:debian
ENTRYPOINT ["/there/is/none"]
END
derive gateway:other << 'END'
FROM rowgate-test/gateway:builtin
ENTRYPOINT ["/usr/bin/node", "-e", "for (const port of [3000, 3001]) require('http').createServer((_, response) => response.end('{}')).listen(port)"]
END
