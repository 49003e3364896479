import { randomBytes, randomInt } from "node:crypto";
import type { ColumnInfo } from "../../model/catalog.ts";

/** `rowgat` in hexadecimal; version 8 of RFC 9562 is for layouts of one's own. */
const uuidTag = "726f7767-6174-8";

/** A value that no row has, and that tells whose row it is; `undefined`: nothing of this type can be made so. */
export function ownValue({ type, identity, generated }: ColumnInfo): string | undefined {
  if (identity === "always" || generated) return undefined;
  const long = /^(?:character varying|character)\((\d+)\)$/.exec(type)?.[1];
  if (long !== undefined) return Number(long) < 24 ? undefined : ownText();
  return makers[type]?.();
}

const makers: Readonly<Record<string, () => string>> = {
  uuid: () => {
    const digits = randomBytes(10).toString("hex");
    return `${uuidTag}${digits.slice(0, 3)}-8${digits.slice(3, 6)}-${digits.slice(6, 18)}`;
  },
  text: ownText,
  "character varying": ownText,
  citext: ownText,
  // From the far end of the type: a sequence that counts up does not get there.
  integer: () => String(2 ** 30 + randomInt(2 ** 30 - 1)),
  bigint: () => String(2n ** 62n + BigInt(randomInt(2 ** 47))),
};

function ownText(): string {
  return `rowgate-${randomBytes(8).toString("hex")}`;
}
