import { literally } from "../lib/pattern.ts";
import { quoteLiteral } from "../lib/sql-text.ts";
import type { ProofColumn, ProofRelation } from "../prove/analyse/schema.ts";

/** SQL of a value: a literal, or a query. */
export type Sql = string;

export const sqlNull: Sql = "null";

export function sqlText(value: string): Sql {
  return quoteLiteral(value).trim();
}

/** A value that the type takes, another one for each row; `undefined`: no type that is known. */
export function plainValue(
  { name, type, base, element, labels, category }: ProofColumn,
  index: number,
): Sql | undefined {
  const count = index + 1;
  if (labels !== null) return sqlText(labels[index % labels.length] ?? labels[0] ?? "");
  if (category === "A" || element !== null) return sqlText("{}");
  const found = byType.find(([types]) => types.test(base))?.[1](count, type);
  if (found !== undefined) return found;
  if (category === "S") return sqlText(cut(`${name.replaceAll("_", " ")} ${count}`, type));
  return category === "R" ? sqlText("empty") : undefined;
}

/** A text no longer than `character varying(n)` takes. */
function cut(text: string, type: string): string {
  const length = Number(/\((\d+)\)/.exec(type)?.[1] ?? Number.POSITIVE_INFINITY);
  return text.length <= length ? text : text.slice(text.length - length).trimStart();
}

type Make = (count: number, type: string) => Sql;

/** Rows are of a day in the past, as rows of a system that is at work. */
const byType: readonly (readonly [RegExp, Make])[] = [
  [/^uuid$/, (count) => sqlText(`00000000-0000-4000-8000-${String(count).padStart(12, "0")}`)],
  [/^(?:smallint|integer|bigint|numeric|real|double precision|money|oid)$/, (count) => String(count)],
  [/^boolean$/, () => "false"],
  [/^timestamp|^date$/, (count) => sqlText(`2026-01-0${(count % 9) + 1}`)],
  [/^time\b/, () => sqlText("12:00")],
  [/^interval$/, () => sqlText("1 day")],
  [/^jsonb?$/, () => sqlText("{}")],
  [/^bytea$/, (count) => sqlText(`\\x0${count}`)],
  [/^(?:inet|cidr)$/, (count) => sqlText(`10.0.0.${count}`)],
  [
    /(?:^|\.)vector$/,
    (_, type) =>
      sqlText(`[${Array.from({ length: Number(/\((\d+)\)/.exec(type)?.[1] ?? 3) }, () => "0").join(",")}]`),
  ],
  [/(?:^|\.)(?:geometry|geography)$/, () => sqlText("POINT(0 0)")],
  [/(?:^|\.)ltree$/, (count) => sqlText(`a.${count}`)],
  [/^tsvector$/, () => "''"],
  [/^xml$/, () => sqlText("<a/>")],
];

/** What else a check may ask for, tried in turn. */
export function otherValues(column: ProofColumn, checks: readonly string[], index: number): readonly Sql[] {
  const { base, category } = column;
  const literals = checks
    .filter((check) => mentions(check, column.name))
    .flatMap((check) =>
      [...check.matchAll(/'((?:[^']|'')*)'(?!::regclass)/g)].map((match) =>
        (match[1] ?? "").replaceAll("''", "'"),
      ),
    )
    .filter((text) => !/[\\^$[\]*]/.test(text));
  const count = index + 1;
  if (category === "S")
    return [
      ...literals.map(sqlText),
      ...lengthsIn(checks, column.name).map((length) =>
        sqlText("a".repeat(Math.max(0, length - String(count).length)) + count),
      ),
      ...[
        `row${count}@a.test`,
        `row-${count}`,
        `row_${count}`,
        `row${count}`,
        `https://a.test/${count}`,
        `ROW${count}`,
        `+1202555010${count}`,
        String(count),
        "#aabbcc",
        "en",
        "USD",
        "12:00",
        `1.0.${count}`,
        "a".repeat(40) + count,
      ].map(sqlText),
    ];
  if (/^(?:smallint|integer|bigint|numeric|real|double precision)$/.test(base))
    return [...literals.map(sqlText), "1", "0", "5", "10", "50", "100", "2026", "0.5", "-1"];
  if (base === "boolean") return ["true", "false"];
  if (/^timestamp|^date$/.test(base)) return [sqlText("2099-01-01"), "now()", sqlText("2026-02-01")];
  if (/^jsonb?$/.test(base)) return [sqlText("[]"), sqlText('"a"'), sqlText("1")];
  if (category === "A") return [sqlText("{a}"), sqlText("{1}")];
  return [];
}

/** `length(code) = 4`: numbers that a check compares a length with. */
function lengthsIn(checks: readonly string[], column: string): readonly number[] {
  return checks
    .filter((check) => mentions(check, column) && /length\(/.test(check))
    .flatMap((check) => [...check.matchAll(/[=<>] \(?(\d{1,3})\b/g)].map(([, length]) => Number(length)))
    .filter((length) => length > 0);
}

export function mentions(check: string, column: string): boolean {
  return new RegExp(`(?:^|[^\\w"])"?${literally(column)}"?(?!\\w)`).test(check);
}

/** Values that a check lists for the column: `status in ('open', 'closed')`. */
export function listedValues({ name, labels }: ProofColumn, { checks }: ProofRelation): readonly string[] {
  if (labels !== null) return labels;
  return checks
    .filter((check) => mentions(check, name))
    .flatMap((check) => [
      ...(/= ANY \(+(?:ARRAY\[)?(.*?)\]/.exec(check)?.[1] ?? "").matchAll(/'((?:[^']|'')*)'/g),
    ])
    .map((match) => (match[1] ?? "").replaceAll("''", "'"));
}

/** Words that mean more rights than an ordinary user's. */
export function isPrivileged(text: string): boolean {
  return /admin|owner|super|staff|moderator|manager|service|root|system|internal/i.test(text);
}

/** Columns whose value takes a membership back, or ends it. */
export const endings: RegExp =
  /(?:revoked|removed|deleted|deactivated|suspended|archived|banned|left|ended|disabled|cancell?ed)(?:_at|_on)?$/;
export const expiries: RegExp =
  /(?:expires?|expiry|expiration|valid_until|valid_to|ends?|until)(?:_at|_on)?$/;
