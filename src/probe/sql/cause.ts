import { type Client, DatabaseError } from "pg";
import type { Catalog, PolicyInfo, RelationInfo } from "../../model/catalog.ts";
import type { Cell } from "../../model/cell.ts";
import { operationInfo } from "../../model/operations.ts";
import type { Cause, CausePolicy } from "../../model/run.ts";
import { readSql } from "../../lib/sql-file.ts";
import { quoteIdent, quoteLiteral, quoteQualified } from "../../lib/sql-text.ts";
import {
  alias,
  asPersona,
  type CauseContext,
  type Examined,
  type Leak,
  NotFound,
  rowsOf,
  stateOf,
  undone,
} from "./cause-rows.ts";

/*
 * What lets unexpected rows through, found after a leak was seen: every applicable policy is evaluated with these very rows,
 * as the persona, in a transaction that is undone. Nothing is guessed: what cannot be evaluated is said.
 */

type Known = Exclude<Cause, { kind: "unknown" }>;

interface Policy extends Pick<PolicyInfo, "name" | "command" | "permissive" | "using" | "check"> {}

/** What `sql/cause_rules.sql` says of a relation and a role. */
interface Rules {
  readonly isTable: boolean;
  readonly rls: boolean;
  readonly superuser: boolean;
  readonly bypassRls: boolean;
  readonly ownerExempt: boolean;
  readonly policies: readonly Policy[];
}

/** @param client of the privileged connection, not used by anything else meanwhile */
export async function findCause(client: Client, leak: Leak, context: CauseContext): Promise<Cause> {
  try {
    return byCatalogue(leak, context) ?? (await byEvaluation(client, leak, context));
  } catch (error) {
    // Messages may hold what rows hold; a code does not.
    if (error instanceof DatabaseError)
      return unknown(`a policy could not be evaluated (${error.code ?? ""})`);
    if (error instanceof NotFound) return unknown(error.message);
    throw error;
  }
}

const unknown = (because: string): Cause => ({ kind: "unknown", because });

/** What needs no rows: a privilege that is not subject to policies, or a function that runs with other rights. */
function byCatalogue({ cell, observation }: Leak, { catalog }: CauseContext): Known | undefined {
  const { persona, relation, operation, call, expectation, column } = cell;
  const on = `${relation.info.schema}.${relation.info.name}`;
  if (call !== undefined) {
    const { routine } = call;
    const name = `${routine.schema}.${routine.name}`;
    if (routine.securityDefiner) {
      const owner = catalog.roles.find((role) => role.name === routine.owner);
      const bypasses = owner !== undefined && (owner.superuser || owner.bypassRls);
      return { kind: "definer", function: name, owner: routine.owner, bypasses };
    }
    if (expectation.kind === "deny" && observation.kind === "call")
      return {
        kind: "grant",
        privilege: routine.public ? "EXECUTE (granted to PUBLIC)" : "EXECUTE",
        on: name,
        role: persona.role,
      };
    throw new NotFound("the function runs with the caller's rights: see the policies of what it reads");
  }
  if (operation === "truncate") return { kind: "grant", privilege: "TRUNCATE", on, role: persona.role };
  if (column !== undefined && expectation.kind === "deny")
    return { kind: "grant", privilege: `SELECT (${column})`, on, role: persona.role };
  const tooEarly =
    expectation.kind === "deny" && (expectation.reason === "grant" || expectation.reason === "schema");
  const nothingPassed = observation.kind === "rows" && observation.affected === 0;
  if (tooEarly && nothingPassed) {
    const privilege = (operationInfo[operation].privileges[0] ?? operation).toUpperCase();
    return { kind: "grant", privilege, on, role: persona.role };
  }
  return undefined;
}

async function byEvaluation(client: Client, leak: Leak, context: CauseContext): Promise<Cause> {
  const { cell } = leak;
  const { info, base } = cell.relation;
  const ownersView = info.kind === "view" && !info.securityInvoker;
  const role = ownersView ? info.owner : cell.persona.role;
  const sources = sourcesOf(cell, context.catalog);
  if (sources.length === 0) throw new NotFound("the view reads nothing that is known here");
  for (const source of sources) {
    const why = exemption(await rulesOf(client, source, role));
    if (why === undefined) continue;
    const view = info.kind === "view" ? `${info.schema}.${info.name}` : undefined;
    return {
      kind: "no-rls",
      relation: `${source.schema}.${source.name}`,
      why,
      role,
      ...(ownersView && { view }),
    };
  }
  if (ownersView)
    throw new NotFound(
      `view ${info.schema}.${info.name} reads with the rights of its owner ${role}, who is held to policies`,
    );
  const [source] = sources;
  if (source === undefined || sources.length > 1 || (base !== undefined && base.oid !== source.oid))
    throw new NotFound("the view reads several relations");
  return await byPolicies(client, leak, source, (await rulesOf(client, source, role)).policies, context);
}

/** Whose policies decide: the relation's own, or those of what a view reads. */
function sourcesOf({ relation: { info, base } }: Cell, catalog: Catalog): readonly RelationInfo[] {
  if (info.kind !== "view") return [info];
  if (base !== undefined && base !== info) return [base];
  return info.reads.flatMap((name) =>
    catalog.relations.filter(
      (one) => one.schema === name.schema && one.name === name.name && one.kind !== "view",
    ),
  );
}

function exemption(rules: Rules): Extract<Cause, { kind: "no-rls" }>["why"] | undefined {
  if (!rules.isTable) return "kind";
  if (!rules.rls) return "off";
  if (rules.superuser) return "superuser";
  if (rules.bypassRls) return "bypassrls";
  return rules.ownerExempt ? "owner" : undefined;
}

async function rulesOf(client: Client, { oid }: RelationInfo, role: string): Promise<Rules> {
  return undone(client, ["set local search_path = pg_catalog"], async () => {
    const { rows } = await client.query<Rules>(readSql("cause_rules.sql"), [oid, role]);
    const [rules] = rows;
    if (rules === undefined) throw new NotFound(`role ${role} or the relation is gone`);
    return rules;
  });
}

async function byPolicies(
  client: Client,
  leak: Leak,
  source: RelationInfo,
  policies: readonly Policy[],
  context: CauseContext,
): Promise<Cause> {
  const { cell } = leak;
  const { operation } = cell;
  const examined = await rowsOf(client, leak, source, context);
  if (examined.rows.length === 0) throw new NotFound("the unexpected rows were not there any more");
  // An upsert's unexpected rows are those that it updates.
  const commands = operationInfo[operation].policies.filter(
    (command) => operation !== "upsert" || command !== "insert",
  );
  const [main, ...others] = examined.checked ? commands.slice(0, 1) : commands;
  const found = await undone(client, asPersona(cell, stateOf(leak), context), async () => {
    const verdicts = new Map<Policy, readonly boolean[]>();
    for (const policy of policies)
      if ([main, ...others, "all"].includes(policy.command))
        verdicts.set(policy, await evaluate(client, source, policy, examined));
    return verdicts;
  });
  const passes = (index: number): boolean =>
    [main, ...others].every((command) => {
      const own = [...found].filter(([policy]) => policy.command === command || policy.command === "all");
      return (
        own.some(([policy, ok]) => policy.permissive && ok[index] === true) &&
        own.every(([policy, ok]) => policy.permissive || ok[index] === true)
      );
    });
  const through = examined.rows.map((_, index) => index).filter(passes);
  const narrow = (permissive: boolean): readonly CausePolicy[] =>
    [...found]
      .filter(
        ([policy]) =>
          policy.permissive === permissive && (policy.command === main || policy.command === "all"),
      )
      .map(([{ name, command }, ok]) => ({
        name,
        command,
        rows: through.filter((index) => ok[index] === true).length,
      }))
      .filter(({ rows }) => rows > 0);
  if (through.length === 0)
    throw new NotFound(
      "no policy lets these rows through when it is evaluated with them; a trigger, a rule or another moment may",
    );
  return {
    kind: "policies",
    relation: `${source.schema}.${source.name}`,
    rows: through.length,
    policies: narrow(true).toSorted((a, b) => b.rows - a.rows),
    restrictive: narrow(false).length,
  };
}

/** A row at a time is its own value here: no privilege on the table is needed, and no policy of it is asked. */
async function evaluate(
  client: Client,
  source: RelationInfo,
  { using, check }: Policy,
  { rows, checked }: Examined,
): Promise<readonly boolean[]> {
  const condition = checked ? (check ?? using) : using;
  if (condition === null) return rows.map(() => true);
  const type = quoteQualified(source);
  const values = rows.map(quoteLiteral).join(", ");
  const found = await client.query<[boolean]>({
    text: `select (${condition}) is true from (select (${alias}::${type}).* from unnest(array[${values}]::text[]) as ${alias}(${alias})) as ${quoteIdent(source.name)}`,
    rowMode: "array",
  });
  return found.rows.map(([ok]) => ok);
}
