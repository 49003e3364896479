/** Whether a host is this machine: a socket's folder, or a loopback name or address. */
export function isLocal(host: string): boolean {
  const name = host.toLowerCase().replace(/^\[(.+)\]$/, "$1");
  return name.startsWith("/") || name === "localhost" || name === "::1" || /^127(?:\.\d{1,3}){3}$/.test(name);
}
