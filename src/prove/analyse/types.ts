import type { ProofColumn } from "./schema.ts";

/** What a proof may assume of a type: when two values are the same to `=`, and which lie between two others. */

const textual: ReadonlySet<string> = new Set([
  "text",
  "character varying",
  "character",
  "name",
  "citext",
  "public.citext",
  "extensions.citext",
]);
const integral: ReadonlySet<string> = new Set(["smallint", "integer", "bigint"]);
const numeric: ReadonlySet<string> = new Set([...integral, "numeric", "real", "double precision"]);
const temporal: ReadonlySet<string> = new Set([
  "date",
  "timestamp with time zone",
  "timestamp without time zone",
]);
/** Types whose values are known by `=` alone; all that compares them agrees. */
const known: ReadonlySet<string> = new Set([
  ...textual,
  ...numeric,
  ...temporal,
  "uuid",
  "bytea",
  "time without time zone",
  "interval",
  "jsonb",
]);

export const isTextual = ({ base }: ProofColumn): boolean => textual.has(base);
export const isCaseInsensitive = ({ base }: ProofColumn): boolean => base.endsWith("citext");
export const isIntegral = ({ base }: ProofColumn): boolean => integral.has(base);
export const isNumeric = ({ base }: ProofColumn): boolean => numeric.has(base);
export const isTemporal = ({ base }: ProofColumn): boolean => temporal.has(base);
export const isJson = ({ base }: ProofColumn): boolean => base === "json" || base === "jsonb";
export const isArray = ({ category }: ProofColumn): boolean => category === "A";
export const isRange = ({ category }: ProofColumn): boolean => category === "R";

/** All of its values can be tried. */
export const isEnumerable = ({ base, labels }: ProofColumn): boolean => base === "boolean" || labels !== null;

/** Two values that `=` calls equal are the same to every other comparison. */
export function hasIdentity(column: ProofColumn): boolean {
  const { base, category, element, deterministic, redefined } = column;
  if (redefined || !deterministic) return false;
  return known.has(base) || (category === "A" && element !== null && known.has(element));
}

/** Comparisons by order are decided: what lies between two values can be named. */
export function hasOrder(column: ProofColumn): boolean {
  return (
    !column.redefined &&
    (numeric.has(column.base) || temporal.has(column.base) || column.base === "time without time zone")
  );
}

const ends: Readonly<Record<string, readonly string[]>> = {
  numeric: ["NaN", "Infinity", "-Infinity"],
  real: ["NaN", "Infinity", "-Infinity", "3.4028235e38", "-3.4028235e38"],
  "double precision": ["NaN", "Infinity", "-Infinity", "1.7976931348623157e308", "-1.7976931348623157e308"],
  "time without time zone": ["00:00:00", "24:00:00"],
};

/** The first and the last values of a type, which no step from another may meet. */
export function endsOf(column: ProofColumn): readonly string[] {
  return ends[column.base] ?? (isTemporal(column) ? ["infinity", "-infinity"] : []);
}

/** Columns of one base whose values are not the same: `numeric(5,2)` and `numeric(5,1)`. */
export function roundAlike(one: ProofColumn, other: ProofColumn): boolean {
  return isTextual(one) || one.type === other.type;
}

/** Casts (names as the parser gives them) that keep apart what is different and together what is equal. */
const keepsIdentity: Readonly<Record<string, readonly string[]>> = {
  text: ["text", "varchar"],
  "character varying": ["text", "varchar"],
  character: ["text", "bpchar"],
  name: ["text", "name"],
  citext: ["citext"],
  smallint: ["int2", "int4", "int8", "numeric", "float8"],
  integer: ["int4", "int8", "numeric", "float8"],
  bigint: ["int8", "numeric"],
  numeric: ["numeric"],
  real: ["float4", "float8"],
  "double precision": ["float8"],
  uuid: ["uuid", "text", "varchar"],
  date: ["date", "timestamp", "timestamptz"],
  "timestamp with time zone": ["timestamptz"],
  "timestamp without time zone": ["timestamp"],
  "time without time zone": ["time"],
  bytea: ["bytea"],
  interval: ["interval"],
  jsonb: ["jsonb"],
};

/** An integer has one text, and texts have another order. */
export function castToText(column: ProofColumn, to: string): boolean {
  return isIntegral(column) && (to === "text" || to === "varchar");
}

export function castKeepsIdentity(column: ProofColumn, to: string): boolean {
  return keepsIdentity[isCaseInsensitive(column) ? "citext" : column.base]?.includes(to) === true;
}

/** Values that no policy is likely to name; more than one, for those that a domain or length refuses. */
export function freshValues(column: ProofColumn, count: number): readonly string[] {
  const numbers = Array.from({ length: count }, (_, index) => index);
  const { base, element } = column;
  if (isArray(column))
    return element === null ? [] : freshOf(element, numbers).map((one) => `{${quotedElement(one)}}`);
  if (isRange(column)) return ["empty"];
  return freshOf(base, numbers);
}

const pad = (n: number): string => String(n).padStart(2, "0");

function freshOf(base: string, numbers: readonly number[]): readonly string[] {
  if (numeric.has(base))
    return [
      ...numbers.map((n) => String(70_001 + n)),
      ...numbers.map((n) => String(31_111 + n)),
      ...numbers.map((n) => String(71 + n)),
      ...numbers.map((n) => String(4 - n)),
      "5",
    ];
  if (base === "date") return numbers.map((n) => `2031-07-${pad((n % 28) + 1)}`);
  if (temporal.has(base)) return numbers.map((n) => `2031-07-${pad((n % 28) + 1)} 12:00:00+00`);
  if (base === "uuid") return numbers.map((n) => `9f9f9f9f-9f9f-4f9f-8f9f-9f9f9f9f9f${pad(10 + (n % 89))}`);
  if (base === "json" || base === "jsonb") return numbers.map((n) => `{"rowgate": "fresh${n}"}`);
  if (base === "bytea") return numbers.map((n) => `\\x0707${pad(n)}`);
  if (base === "interval") return numbers.map((n) => `${17 + n} days`);
  if (base === "time without time zone") return numbers.map((n) => `03:33:${pad(n % 60)}`);
  if (base === "inet" || base === "cidr") return numbers.map((n) => `198.51.100.${77 + n}`);
  if (base === "macaddr") return numbers.map((n) => `02:00:00:00:07:${pad(n % 100)}`);
  if (base.endsWith("ltree")) return numbers.map((n) => `rowgate.fresh${n}`);
  if (!textual.has(base)) return [];
  return [
    "rowgate-fresh",
    "rowgatefresh",
    "ROWGATE",
    "Q",
    "w",
    "7",
    "fresh@rowgate.example",
    "2031",
    "+4912345",
  ].flatMap((one) =>
    numbers.map((n) =>
      n === 0 ? one : one.length === 1 ? String.fromCodePoint(one.charCodeAt(0) + n) : `${one}${n}`,
    ),
  );
}

export function quotedElement(text: string): string {
  return `"${text.replaceAll("\\", "\\\\").replaceAll('"', '\\"')}"`;
}
