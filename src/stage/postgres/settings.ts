// A server that is thrown away need not survive a crash, and 40,000 refused probes need not be logged.
const throwaway: Readonly<Record<string, string>> = {
  fsync: "off",
  synchronous_commit: "off",
  full_page_writes: "off",
  wal_level: "minimal",
  max_wal_senders: "0",
  checkpoint_timeout: "1h",
  listen_addresses: "127.0.0.1",
  unix_socket_directories: "",
  max_connections: "60",
  shared_buffers: "64MB",
  // In the data directory rather than in /dev/shm: a killed server leaves nothing, and containers have 64 MB there.
  dynamic_shared_memory_type: process.platform === "win32" ? "windows" : "mmap",
  jit: "off",
  // LOG stands above ERROR here: what a start says is kept, what a probe provokes is not.
  log_min_messages: "log",
  // A random password of 32 bytes gains nothing from being hashed 4096 times at each login.
  scram_iterations: "1",
};

/** What initdb is told, apart from the place: settings end up in `postgresql.conf`. */
export function initdbFlags(passwordFile: string, settings: Readonly<Record<string, string>>): string[] {
  const all = Object.entries({ ...throwaway, ...settings });
  return [
    "--username=postgres",
    "--auth=scram-sha-256",
    `--pwfile=${passwordFile}`,
    "--encoding=UTF8",
    // Sorts by bytes like C, yet knows that É is the upper case of é, the same on every platform.
    "--locale=C",
    "--locale-provider=builtin",
    "--builtin-locale=C.UTF-8",
    "--no-sync",
    "--no-instructions",
    ...all.flatMap(([name, value]) => ["-c", `${name}=${value}`]),
  ];
}
