import { literally } from "../lib/pattern.ts";
import { effects } from "../model/effect.ts";
import type { Identity } from "../model/channel.ts";
import { type Json, denyReasons, operations } from "../model/matrix.ts";
import type { Target } from "../model/target.ts";
import { verdicts } from "../model/verdict.ts";

/** JSON as it is written → the same JSON, in which no known secret, and nothing that looks like one, is left. */
export type Scrubber = (json: string, indent?: number) => string;

const mask = "[secret]";

interface Shape {
  readonly sign: string;
  readonly pattern: RegExp;
  readonly mask: string;
}

/**
 * Things that are secret by their looks, wherever they come from. `sign` is a cheap test of the serialised text, before the
 * pattern's own: a failing cell's curl line says `Bearer $(…)`, and must not cost more than another.
 */
const jwt = String.raw`eyJ[\w-]{5,}\.[\w-]+\.[\w-]+`;
const shapes: readonly Shape[] = [
  // A JWT's header is base64url of `{"`, which always begins with eyJ.
  { sign: "eyJ", pattern: new RegExp(jwt, "g"), mask },
  { sign: "://", pattern: /(\b[a-z][a-z0-9+.-]*:\/\/)[^\s/?#@'"]*@/gi, mask: `$1${mask}@` },
  {
    sign: "PRIVATE KEY",
    pattern: /-----BEGIN [A-Z ]*PRIVATE KEY-----[\s\S]*?(?:-----END [A-Z ]*PRIVATE KEY-----|$)/g,
    mask,
  },
  { sign: "sb_secret_", pattern: /sb_secret_[\w-]+/g, mask },
  { sign: "earer ", pattern: /\b(bearer) +[\w.~+/-]{16,}=*/gi, mask: `$1 ${mask}` },
];

/**
 * Passwords that are names as well (local stacks use them): masked everywhere, they would blacken every owner and
 * role of the catalogue. They, and words of our own formats, are masked only in the place of a credential.
 */
const words: ReadonlySet<string> = new Set<string>([
  "postgres",
  "supabase",
  "supabase_admin",
  "authenticator",
  "service_role",
  "password",
  "embedded",
  "container",
  "production",
  "candidates",
  "statement",
  ...verdicts,
  ...effects,
  ...operations,
  ...denyReasons,
]);
const shortest = 8;

/**
 * The last net under everything that is written: no record should hold a secret, and here it
 * does not get through. The test is one search of the serialised text; only a hit costs more.
 */
export function createScrubber(secrets: readonly string[]): Scrubber {
  const needles = longestFirst(secrets.filter(needsNeedle).flatMap(spellings));
  const escaped = needles.map(inJson);
  // One pass over the text for all of them: nearly every line has none.
  const gate = new RegExp([...shapes.map((shape) => shape.sign), ...escaped].map(literally).join("|"));
  const isFound = (text: string): boolean =>
    escaped.some((needle) => text.includes(needle)) || shapes.some((shape) => isIn(text, shape));
  const clean = (text: string): string => maskShapes(maskNeedles(text, needles));
  return (text, indent) => {
    if (!gate.test(text) || !isFound(text)) return text;
    return JSON.stringify(mapStrings(JSON.parse(text) as Json, clean), undefined, indent);
  };
}

/** A run has a token for each persona: their looks give them away, and hundreds of needles would cost time. */
function needsNeedle(secret: string): boolean {
  return secret !== "" && !new RegExp(`^${jwt}$`).test(secret);
}

/** Escapes of JSON lengthen what a pattern finds, and never hide it. */
function isIn(text: string, { sign, pattern }: Shape): boolean {
  return text.includes(sign) && text.search(pattern) >= 0;
}

/** The ways in which a text may spell a secret: in a URL, in SQL, in a shell, each of them also in JSON within JSON. */
function spellings(secret: string): readonly string[] {
  if (secret.length < shortest || words.has(secret)) return asCredential(secret);
  const base64 = Buffer.from(secret, "utf8").toString("base64").replace(/=+$/, "");
  return [
    secret,
    encodeURIComponent(secret),
    encodeURI(secret),
    secret.replaceAll("'", "''"),
    secret.replaceAll("'", String.raw`'\''`),
    base64,
    base64.replaceAll("+", "-").replaceAll("/", "_"),
  ].flatMap((text) => [text, inJson(text), inJson(inJson(text))]);
}

function asCredential(secret: string): readonly string[] {
  const keys = ["password", "PGPASSWORD", "secret", "apikey"];
  return keys.flatMap((key) => [
    `${key}=${secret}`,
    `${key}='${secret}'`,
    `${key}: ${secret}`,
    `"${key}":"${secret}"`,
  ]);
}

/** The text between the quotes of a JSON string. */
function inJson(text: string): string {
  return JSON.stringify(text).slice(1, -1);
}

/** A short spelling inside a long one would leave the rest of the long one standing. */
function longestFirst(needles: readonly string[]): readonly string[] {
  return [...new Set(needles)].toSorted((a, b) => b.length - a.length);
}

function maskNeedles(text: string, needles: readonly string[]): string {
  return needles.reduce((masked, needle) => masked.replaceAll(needle, mask), text);
}

function maskShapes(text: string): string {
  return shapes.reduce((masked, shape) => masked.replaceAll(shape.pattern, shape.mask), text);
}

/**
 * Names are mapped too, since a claim may be called anything; but not what looks like a field of our own, or the
 * password `database` would leave an unreadable archive.
 */
function mapStrings(value: Json, map: (text: string) => string): Json {
  if (typeof value === "string") return map(value);
  if (Array.isArray(value)) return value.map((item: Json) => mapStrings(item, map));
  if (value === null || typeof value !== "object") return value;
  return Object.fromEntries(
    Object.entries(value).map(([name, item]: [string, Json]) => [
      isField(name) ? name : map(name),
      mapStrings(item, map),
    ]),
  );
}

function isField(name: string): boolean {
  return /^[a-z_]{1,20}#?$/i.test(name);
}

/** The secrets of a target and its personas: none may be written, in whatever text it comes. */
export function secretsOf(
  { database, rest, signingKey }: Target,
  identities: readonly Identity[],
): readonly string[] {
  const key = signingKey === undefined ? undefined : keyOf(signingKey);
  const tokens = identities.map(({ token }) => token);
  return [database.password, key, rest?.apiKey, ...tokens].flatMap((one) =>
    one === undefined || one === "" ? [] : [one],
  );
}

function keyOf(key: NonNullable<Target["signingKey"]>): string {
  return key.algorithm === "HS256" ? key.secret : key.privateKeyPem;
}
