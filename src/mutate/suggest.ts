import { stringify } from "yaml";
import { grouped } from "../lib/grouped.ts";
import { parseExpression } from "../lib/sql-tree.ts";
import type { RelationInfo } from "../model/catalog.ts";
import type { Cell } from "../model/cell.ts";
import { isFor } from "../model/operations.ts";
import type { Plan } from "../plan/plan.ts";
import { fieldsOf, walk } from "../prove/analyse/tree.ts";
import type { Mutant } from "./mutant.ts";

/**
 * What to add to the matrix so that a cell notices the change, as YAML; `undefined` where rowgate knows no cell that would.
 * A privilege that a role does not hold is noticed by `deny: grant`; a relation that the matrix does not name, by naming it; a weaker
 * WITH CHECK, by a row that it refuses. What only a person can say stands in `<…>`.
 */
export function suggestionFor(mutant: Mutant, own: readonly Cell[], plan: Plan): string | undefined {
  const { after } = mutant;
  if (after.kind === "function") return undefined;
  const name = after.schema === plan.matrix.schema ? after.name : `${after.schema}.${after.name}`;
  const entry = isNamed(mutant, plan) ? moreCells(mutant, own, plan) : { expect: deniedToAll(mutant, plan) };
  if (entry.expect.length === 0) return undefined;
  return stringify({ relations: { [name]: { ...entry, expect: Object.fromEntries(entry.expect) } } });
}

interface Entry {
  /** Rows to send. */
  readonly insert?: Readonly<Record<string, Values>>;
  readonly expect: Expected;
}

type Values = Readonly<Record<string, string>>;

function moreCells(mutant: Mutant, own: readonly Cell[], plan: Plan): Entry {
  const expect = deniedByGrant(mutant, own, plan);
  if (expect.length > 0 || typeof mutant.alters === "string") return { expect };
  const refused = refusedByCheck(mutant, own, plan);
  return refused.expect.length > 0 ? refused : { expect: missing(mutant, own, plan) };
}

/** WITH CHECK says less than it did: a row that it refuses is to be sent, in an INSERT and in an UPDATE. */
function refusedByCheck({ after, subject, from }: Mutant, own: readonly Cell[], { catalog }: Plan): Entry {
  const before = catalog.relations.find(({ oid }) => oid === after.oid);
  const policy = before?.policies.find(({ name }) => subject === `policy ${name}`);
  const check = policy?.check ?? null;
  if (before === undefined || check === null || !from.startsWith("WITH CHECK")) return { expect: [] };
  const values = valuesFor(before, check);
  const writing = own.filter(
    ({ operation, column, expectation }) =>
      column === undefined &&
      expectation.kind !== "deny" &&
      (operation === "insert" || operation === "update"),
  );
  const expect = [...grouped(writing, ({ persona }) => persona.name)].map(
    ([persona, cells]) =>
      [
        persona,
        Object.fromEntries(
          cells.map(({ operation }) => [
            operation,
            operation === "insert" ? { reject: ["refused"] } : { never: { refused: values } },
          ]),
        ),
      ] as const,
  );
  const inserts = writing.some(({ operation }) => operation === "insert");
  return inserts ? { insert: { refused: values }, expect } : { expect };
}

/** The columns that an expression reads, each with what a person has to say. */
function valuesFor({ columns }: RelationInfo, expression: string): Values {
  const read = new Set<string>();
  walk(parseExpression(expression), (node) => {
    const name = fieldsOf(node)?.at(-1);
    if (name !== undefined && columns.some((one) => one.name === name)) read.add(name);
  });
  return Object.fromEntries([...read].map((name) => [name, "<a value that WITH CHECK refuses>"]));
}

/** Personas whom the policy is for, and commands that it decides, which no cell that passed asks about. */
function missing({ roles, alters }: Mutant, own: readonly Cell[], { matrix, catalog }: Plan): Expected {
  if (typeof alters === "string") return [];
  return matrix.personas.flatMap((persona): Expected => {
    const role = catalog.roles.find(({ name }) => name === persona.role);
    if (role === undefined || role.superuser || role.bypassRls || !isFor(roles, role)) return [];
    const asked = own.filter((cell) => cell.persona.name === persona.name);
    const lacking = alters.filter((command) => !asked.some(({ operation }) => operation === command));
    if (lacking.length === 0) return [];
    return [[persona.name, Object.fromEntries(lacking.map((one) => [one, "<deny, allow, or a row set>"]))]];
  });
}

function isNamed({ after }: Mutant, { work }: Plan): boolean {
  return work.some(({ relation }) => relation.info.oid === after.oid);
}

type Expected = readonly (readonly [persona: string, expectation: unknown])[];

/** Whom the matrix gives nothing is denied; where someone should have rows, that is for people to say. */
function deniedToAll({ roles }: Mutant, { matrix, catalog }: Plan): Expected {
  return matrix.personas.flatMap((persona) => {
    const role = catalog.roles.find(({ name }) => name === persona.role);
    return role !== undefined && isFor(roles, role) ? [[persona.name, "deny"]] : [];
  });
}

/** Only where the role holds the privilege on no column now: then the cell passes, and fails with the grant. */
function deniedByGrant(
  { alters, operator, after }: Mutant,
  own: readonly Cell[],
  { catalog }: Plan,
): Expected {
  if (operator !== "grant" || typeof alters !== "string") return [];
  const before = catalog.relations.find(({ oid }) => oid === after.oid);
  return own.flatMap(({ operation, column, persona, expectation }): Expected => {
    const held = before?.privileges[persona.role]?.[alters];
    const holds = typeof held === "boolean" ? held : held === undefined || held.length > 0;
    if (operation !== alters || column !== undefined || holds) return [];
    // Declared already, and what refuses is another relation's privilege.
    if (expectation.kind !== "deny" || expectation.reason === "grant") return [];
    return [[persona.name, { [operation]: { deny: "grant" } }]];
  });
}
