import { quoteLiteral } from "../../lib/sql-text.ts";
import type { SqlSource } from "./source.ts";

/** What `[storage.buckets.<id>]` of `config.toml` says, as Supabase's CLI reads it. */
interface Bucket {
  readonly public?: unknown;
  /** Bytes, or text as `50MiB`. */
  readonly file_size_limit?: unknown;
  readonly allowed_mime_types?: unknown;
}

/**
 * The rows of `storage.buckets` that Supabase's CLI makes after the seeds; a bucket that the SQL has made gets these properties, too.
 * @param config `config.toml` as it was read
 * @param storage its table `[storage]`
 * @returns none where it names no bucket
 */
export function bucketSource(
  config: SqlSource,
  storage: Readonly<Record<string, unknown>>,
): SqlSource | undefined {
  const { buckets, enabled, file_size_limit: usual } = storage;
  const named = Object.entries((buckets ?? {}) as Readonly<Record<string, Bucket | undefined>>);
  if (enabled === false || named.length === 0) return undefined;
  const rows = named.map(([id, bucket]) => {
    const limit = bytesOf(bucket?.file_size_limit ?? usual);
    const types = bucket?.allowed_mime_types;
    return `(${[
      quoteLiteral(id),
      quoteLiteral(id),
      String(bucket?.public === true),
      limit === undefined ? "null" : String(limit),
      Array.isArray(types) && types.length > 0
        ? `array[${types.map((one) => quoteLiteral(String(one))).join(", ")}]`
        : "null",
    ].join(", ")})`;
  });
  const text = `insert into storage.buckets (id, name, public, file_size_limit, allowed_mime_types) values ${rows.join(", ")}
on conflict (id) do update set public = excluded.public, file_size_limit = excluded.file_size_limit, allowed_mime_types = excluded.allowed_mime_types`;
  return { ...config, text };
}

const units = ["", "k", "m", "g", "t", "p"];

/** Of 1024 each, whether they are written `MB` or `MiB`. */
function bytesOf(size: unknown): number | undefined {
  if (typeof size === "number") return size;
  const [, number, unit = ""] = /^\s*(\d+(?:\.\d+)?)\s*([kmgtp]?)i?b?\s*$/i.exec(String(size)) ?? [];
  return number === undefined
    ? undefined
    : Math.floor(Number(number) * 1024 ** units.indexOf(unit.toLowerCase()));
}
