import { quoteIdent, quoteLiteral, quoteQualified } from "../lib/sql-text.ts";
import { RowgateError } from "../model/errors.ts";
import type { Matrix, Persona } from "../model/matrix.ts";
import { compare, type Compared } from "./compare.ts";
import { keysFor, measure, type Measures } from "./measure.ts";
import type { PendingStatement } from "./migrations.ts";
import type { SideWriting } from "./side-writes.ts";
import type { PlainTrigger } from "./sign-up-trigger.ts";
import { type GateRequest, openState, type State } from "./state.ts";

const strangersId = "5e5e5e5e-5e5e-4e5e-8e5e-5e5e5e5e5e5f";
const strangersName = "a new user";

/**
 * Signs a stranger up in the state after the migrations, undone with it, and compares what each persona and the stranger reach
 * before and afterwards. Rows that are new are the new user's; rows that were there, and that are in reach now, are a gain.
 * @returns the code that is not compared, and what a sign-up opens; what opens nothing is left out
 */
export async function compareSignUps(
  request: GateRequest,
  after: State,
  all: readonly SideWriting[],
): Promise<readonly SideWriting[]> {
  const known = all.flatMap(({ tried }) => (tried?.by === "sign-up" ? tried : []));
  if (known.length === 0) return all;
  const opens = await openedBySignUp(request, after, known);
  return all.flatMap((one) =>
    one.tried?.by !== "sign-up" ? one : opens.length === 0 ? [] : { ...one, opens },
  );
}

async function openedBySignUp(
  request: GateRequest,
  after: State,
  triggers: readonly PlainTrigger[],
): Promise<readonly string[]> {
  const stranger = strangerOf(request.matrix, after);
  if (stranger === undefined) return ["no persona signs in with a uuid as `sub`, so no sign-up was tried"];
  const matrix = { ...request.matrix, personas: [...request.matrix.personas, stranger] };
  const asked = { ...request, matrix };
  const opened: State[] = [];
  try {
    const before = await openState(asked, request.pending.length);
    opened.push(before);
    const signed = await openSignedUp(asked, before, triggers);
    if (typeof signed === "string") return [signed];
    opened.push(signed);
    const first = await measure(before, keysFor(before, before));
    const last = await measure(signed, keysFor(signed, before));
    return [
      ...triggers.flatMap((one) => copiesShown(one, first, last, bypassingIn(before))),
      ...gainsOf(compare(first, last, matrix.waivedRelations)),
    ];
  } catch (error) {
    if (error instanceof RowgateError) return [`no sign-up could be tried: ${error.message}`];
    throw error;
  } finally {
    for (const one of opened) await one.close();
  }
}

/** @returns why not: no form of the account is taken, or a row that the triggers put in is missing */
async function openSignedUp(
  request: GateRequest,
  before: State,
  triggers: readonly PlainTrigger[],
): Promise<State | string> {
  const keys = triggers.flatMap((one) => one.keys);
  const tables = triggers.flatMap(tablesOf);
  const had = await rowsWritten(before, tables);
  let failure = "";
  for (const metadata of [{}, Object.fromEntries(keys.map((key) => [key, "rowgate"]))]) {
    const pending = [...request.pending, signUpWith(metadata)];
    try {
      const state = await openState({ ...request, pending }, pending.length);
      const has = await rowsWritten(state, tables);
      const empty = tables.find((_, index) => (has[index] ?? 0) <= (had[index] ?? 0));
      if (empty === undefined) return state;
      await state.close();
      failure = `a sign-up puts no row into ${empty.replaceAll('"', "")}`;
    } catch (error) {
      if (!(error instanceof RowgateError)) throw error;
      failure = `a sign-up fails: ${error.message}`;
    }
  }
  return failure;
}

export function tablesOf({ writes }: PlainTrigger): readonly string[] {
  return writes.map(({ schema, name }) =>
    schema === undefined ? quoteIdent(name) : quoteQualified({ schema, name }),
  );
}

/** Rows of each table that this transaction has written. */
export function rowsWritten(state: State, tables: readonly string[]): Promise<readonly number[]> {
  const counts = tables.map((one) => `(select count(*)::int from ${one} where pg_catalog.age(xmin) <= 0)`);
  return state.ask(async (client) => {
    const { rows } = await client.query<{ counts: number[] }>(
      `select array[${counts.join(", ")}]::int[] as counts`,
    );
    return rows[0]?.counts ?? [];
  });
}

/** The account as the auth server stores it. */
function signUpWith(metadata: Readonly<Record<string, string>>): PendingStatement {
  const sql = `insert into auth.users (id, email, raw_app_meta_data, raw_user_meta_data) values ('${strangersId}', 'stranger@rowgate.test', '{"provider": "email", "providers": ["email"]}', ${quoteLiteral(JSON.stringify(metadata))})`;
  return tryOf("a sign-up", sql, []);
}

/** A statement of the gate's own, after those of the migrations. @param settings sent before it */
export function tryOf(file: string, sql: string, settings: readonly string[]): PendingStatement {
  return {
    file,
    line: 1,
    text: sql,
    source: { path: file, text: sql, sha256: "" },
    before: 0,
    start: 0,
    sql,
    writesRows: true,
    opening: [],
    prologue: ["reset session authorization", "reset role", ...settings],
    epilogue: ["set constraints all immediate"],
  };
}

export function strangerOf({ personas }: Matrix, { plan }: State): Persona | undefined {
  const bypasses = new Set(
    plan.catalog.roles.flatMap(({ name, superuser, bypassRls }) => (superuser || bypassRls ? name : [])),
  );
  const model = personas.find(
    ({ role, login, claims }) =>
      login === undefined && !bypasses.has(role) && /^[0-9a-f-]{36}$/i.test(String(claims?.["sub"])),
  );
  return (
    model && {
      ...model,
      name: strangersName,
      claims: { sub: strangersId, email: "stranger@rowgate.test" },
      settings: {},
      tokenFrom: undefined,
    }
  );
}

export function gainsOf({ gained, broken, unknown }: Compared): readonly string[] {
  const undeclared = gained.filter(({ declared }) => declared === undefined);
  const shown = new Set(undeclared.map(({ cell }) => cell));
  // Of the new user the matrix says nothing.
  const others = [...broken, ...unknown].filter(
    ({ cell }) => !shown.has(cell) && !cell.startsWith(`${strangersName}/`),
  );
  return [
    ...undeclared.map(
      ({ persona, operation, relation, examples }) =>
        `${persona} may then ${operation.replace("_", " ")} more of ${relation}${examples.length === 0 ? "" : `, such as ${examples[0]}`}`,
    ),
    ...new Set(others.map(({ cell }) => `${cell} no longer passes then`)),
  ];
}

/** What the account holds besides what the user sent to be shown, in a row that others read. */
function copiesShown(
  { copies, writes }: PlainTrigger,
  first: Measures,
  last: Measures,
  bypassing: ReadonlySet<string>,
): readonly string[] {
  const targets = new Set(writes.map(({ name }) => name));
  const readers = [...last].flatMap(([key, is]) => {
    const was = first.get(key)?.reach?.count ?? 0;
    const reads = is.operation === "select" && is.column === undefined && is.call === undefined;
    if (!reads || is.persona === strangersName || bypassing.has(is.persona) || (is.reach?.count ?? 0) <= was)
      return [];
    return [is];
  });
  return copies.flatMap(({ from, column }) => {
    const among = readers.filter(
      ({ relation, granted }) => granted.includes(column) || !targets.has(relation.split(".").at(-1) ?? ""),
    );
    const [one] = among;
    const names = [...new Set(among.map(({ persona }) => persona))];
    return one === undefined
      ? []
      : [`${names.join(", ")} may read the new row of ${one.relation}, which holds the account's ${from}`];
  });
}

export function bypassingIn({ plan }: State): ReadonlySet<string> {
  const roles = new Set(
    plan.catalog.roles.flatMap(({ name, superuser, bypassRls }) => (superuser || bypassRls ? name : [])),
  );
  return new Set(plan.matrix.personas.flatMap(({ name, role }) => (roles.has(role) ? name : [])));
}
