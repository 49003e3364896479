import type { Posture } from "../model/target.ts";

/** Nothing that goes there leaves this machine: loopback, or the folder of a socket. */
export function isLocal(host: string): boolean {
  const bare = host.replace(/^\[(.*)\]$/, "$1").toLowerCase();
  return (
    bare === "" || bare.startsWith("/") || bare === "localhost" || bare === "::1" || bare.startsWith("127.")
  );
}

/** What rowgate starts itself stands on this machine, or on an engine of the user's own. */
export function isOurs(posture: Posture): boolean {
  return posture === "embedded" || posture === "container";
}

export function hostOf(url: string): string {
  return new URL(url).hostname;
}
