import { claimNames } from "../../src/run/open-proof.ts";
import type { ProofPersona } from "../../src/prove/prover.ts";
import {
  atom,
  columns,
  type Expression,
  expression,
  me,
  other,
  type Random,
  selfAtom,
  sqlOf,
} from "./grammar.ts";
import type { Kind } from "./world.ts";

/** What a sample's policies are about: `update` leaves the new row to them, `change` the old one. */
export type FuzzOperation = "insert" | "select" | "delete" | "blind_delete" | "update" | "change";

/** One random table: its policies, and what is declared of it. */
export interface Sample {
  readonly table: string;
  readonly permissive: readonly Expression[];
  readonly restrictive: readonly Expression[];
  /** `undefined`: deny. */
  readonly declared: Expression | undefined;
  readonly operation: FuzzOperation;
  /** What a DELETE or a changed row has to meet as well: the policy of SELECT. */
  readonly seen: Expression;
  /** Whom the permissive policies are for. */
  readonly to: "public" | "fuzz_group";
  /** INSERT: columns that the role may not write. */
  readonly ungranted: readonly string[];
  readonly kind: Kind;
  readonly persona: ProofPersona;
  /** Its policies read the table itself: each row is sent by itself. */
  readonly self: boolean;
}

const claims = {
  sub: me,
  plan: "axzz",
  role: "authenticated",
  app: { level: 2, levels: [1, 3], orgs: ["a", "free"] },
};
export const heldClaims: ReadonlySet<string> = new Set(claimNames(claims));

const ana: ProofPersona = {
  name: "ana",
  role: "authenticated",
  settings: { "request.jwt.claims": JSON.stringify(claims) },
  identities: [me],
};
const setting: ProofPersona = {
  name: "setting",
  role: "authenticated",
  settings: { "app.user": me },
  identities: [me],
};
const bare: ProofPersona = { name: "bare", role: "anon", settings: {}, identities: [] };

const operations = [
  "insert",
  "insert",
  "select",
  "select",
  "delete",
  "update",
  "change",
  "blind_delete",
] as const;
const everything: Expression = { text: "true", parts: [] };

export function sampleOf(r: Random, table: string): Sample {
  const self = r(8) === 0;
  const leaf = self ? (one: Random): Expression => (one(3) === 0 ? selfAtom(one) : atom(one)) : atom;
  const shape = r(6);
  const permissive = Array.from({ length: shape < 2 ? 2 : 1 }, () => expression(r, 1 + r(3), leaf));
  const restrictive = Array.from({ length: shape === 0 ? 2 : shape < 3 ? 1 : 0 }, () =>
    expression(r, 1 + r(2), leaf),
  );
  const operation = operations[r(operations.length)] ?? "insert";
  const isDeclared = operation === "update" || r(3) > 0;
  // What a statement leaves behind is declared of the row by itself.
  const about =
    self && (operation === "insert" || operation === "update") ? atom(r) : (permissive[0] ?? atom(r));
  const declared = isDeclared ? variation(r, about) : undefined;
  const kind = r(5) === 0 ? "partitioned" : "table";
  const persona = [ana, ana, ana, setting, bare][r(5)] ?? ana;
  const seen = r(3) === 0 ? atom(r) : everything;
  const to = r(6) === 0 ? "fuzz_group" : "public";
  const names = Object.keys(columns);
  const ungranted =
    operation === "insert" && r(3) === 0
      ? [...new Set(["a", "k", "o", names[r(names.length)] ?? "b"].filter(() => r(2) === 0))]
      : [];
  return { table, permissive, restrictive, declared, operation, seen, to, ungranted, persona, self, kind };
}

/** The same in other words, or nearly. */
function variation(r: Random, of: Expression): Expression {
  const one = atom(r);
  return (
    [
      { text: "not (not ($0))", parts: [of] },
      { text: "($0) and true", parts: [of] },
      { text: "(($0) and ($1)) or (($0) and not ($1)) or (($0) and ($1) is null)", parts: [of, one] },
      { text: "($0) or ($1)", parts: [of, one] },
      { text: "($0) and ($1)", parts: [of, one] },
      { text: "($0) is true", parts: [of] },
    ][r(6)] ?? of
  );
}

/** `undefined`: no policy that permits is for the persona's role. */
export function policyText({
  permissive,
  restrictive,
  table,
  to,
  persona,
  seen,
}: Sample): string | undefined {
  if (to === "fuzz_group" && persona.role !== "authenticated") return undefined;
  const any = permissive.map((one) => `(${sqlOf(one, table)})`).join(" or ");
  return [`(${any})`, ...[...restrictive, seen].map((one) => `(${sqlOf(one, table)})`)].join(" and ");
}

/**
 * A matrix has no session, and what it declares is asked with full sight: the persona's values, the bodies of functions and the
 * rows that their owners see are written out.
 */
export function declaredText({ persona, table }: Sample, of: Expression): string {
  const held = persona.settings["request.jwt.claims"];
  const uid = held === undefined ? "null::uuid" : `'${me}'::uuid`;
  const keepers = `(select * from public.par where owner is not null and (id <> 3 or ${uid} is null))`;
  const argument = String.raw`\((\w+)\)`;
  const bodies: Readonly<Record<string, string>> = {
    owns: `exists (select 1 from public.par z where z.id = $1 and z.owner = ${uid})`,
    owns_pl: `case when $1 is null then false else (select z.lvl from public.par z where z.id = $1 and z.owner = ${uid}) > 2 end`,
    owns_as_keeper: `case when exists (select 1 from ${keepers} z where z.id = $1 and z.lvl >= 2) then true when $1 = 6 then null else false end`,
    owns_by_setting: `exists (select 1 from ${keepers} z where z.id = $1 and z.owner::text = '${other}')`,
    level_as_keeper: `(select z.lvl from ${keepers} z where z.id = $1)`,
    level_of: "(select z.lvl from public.par z where z.id = $1)",
    has_opened: "exists (select 1 from public.par z where z.id = $1 and z.opens < now())",
    has_opened_pl: "exists (select 1 from public.par z where z.id = $1 and z.opens < now())",
  };
  const own = sqlOf(of, table).replaceAll(
    /\bpar (?=[pq]\b)/g,
    "(select * from public.par where lvl < 4 or owner is null) ",
  );
  return Object.entries(bodies)
    .reduce(
      (text, [name, body]) =>
        text.replaceAll(
          new RegExp(String.raw`\b${name}${argument}`, "g"),
          (_, given: string) => `(${body.replaceAll("$1", `${table}.${given}`)})`,
        ),
      own,
    )
    .replaceAll("my_level()", `(select max(z.lvl) from public.par z where z.owner = ${uid})`)
    .replaceAll("my_plan()", "coalesce(auth.jwt() ->> 'plan', 'none')")
    .replaceAll(`owns_row(${table}.*)`, `(${table}.o = ${uid} and ${table}.a > 1)`)
    .replaceAll("auth.uid()", uid)
    .replaceAll("auth.role()", held === undefined ? "null::text" : "'authenticated'")
    .replaceAll("auth.jwt()", held === undefined ? "null::jsonb" : `'${held}'::jsonb`)
    .replaceAll(
      "current_setting('app.user', true)",
      persona.settings["app.user"] === undefined ? "null::text" : `'${me}'`,
    );
}

export function describeSample({
  permissive,
  restrictive,
  declared,
  operation,
  persona,
  table,
  kind,
  seen,
  ungranted,
}: Sample): string {
  const list = (what: string, all: readonly Expression[]): readonly string[] =>
    all.map((one) => `  ${what}: ${sqlOf(one, table)}`);
  return [
    `${operation} on a ${kind} as ${persona.name}`,
    ...list("permissive", permissive),
    ...list("restrictive", restrictive),
    ...(seen.text === "true" ? [] : list("select", [seen])),
    ...(ungranted.length > 0 ? [`  not granted: ${ungranted.join(", ")}`] : []),
    `  declared: ${declared === undefined ? "deny" : sqlOf(declared, table)}`,
  ].join("\n");
}
