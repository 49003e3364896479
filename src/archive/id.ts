import { randomBytes } from "node:crypto";

/** `YYYYMMDDTHHMMSSZ-<8 hex>`: names sort as the runs began. */
export const runIdPattern: RegExp = /^(\d{8})T\d{6}Z-[0-9a-f]{8}$/;

/** The day (UTC) under which a run's folder lies. */
export const dayPattern: RegExp = /^\d{8}$/;

/** @param random gives that many bytes; replaced in tests only. */
export function newRunId(now: Date, random: (bytes: number) => Uint8Array = randomBytes): string {
  return `${compact(now)}-${Buffer.from(random(4)).toString("hex")}`;
}

/** `YYYYMMDD` in UTC, as in the id: one run never lies under two days. */
export function dayOf(startedAt: Date): string {
  return compact(startedAt).slice(0, 8);
}

function compact(at: Date): string {
  return `${at
    .toISOString()
    .replaceAll(/[-:]/g, "")
    .replace(/\.\d+Z$/, "")}Z`;
}
