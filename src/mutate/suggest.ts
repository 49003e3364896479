import { stringify } from "yaml";
import { grouped } from "../lib/grouped.ts";
import { parseExpression } from "../lib/sql-tree.ts";
import type { RelationInfo } from "../model/catalog.ts";
import type { Cell } from "../model/cell.ts";
import { isFor } from "../model/operations.ts";
import type { Plan } from "../plan/plan.ts";
import { fieldsOf, walk } from "../prove/analyse/tree.ts";
import type { Covered } from "./cells.ts";
import { allCommands, type Mutant } from "./mutant.ts";

/**
 * What to add to the matrix so that a cell notices the change, as YAML; `undefined` where rowgate knows no cell that would.
 * A privilege that a role does not hold is noticed by `deny: grant`; a relation or function that the matrix does not name, by naming it;
 * a weaker WITH CHECK, by a row that it refuses; another USING, by the rows that it means. What only a person can say stands in `<…>`.
 */
export function suggestionFor(
  mutant: Mutant,
  own: readonly Cell[],
  plan: Plan,
  covered: readonly Covered[] = [],
): string | undefined {
  const { after } = mutant;
  if (mutant.operator === "member") return lessThanOthers(mutant, plan);
  if (after.kind === "function")
    return ofCallers(mutant, plan, covered) ?? ofFunction(mutant, nameOf(after, plan), own, plan);
  return ofRelation(
    after,
    isNamed(mutant, plan) ? moreCells(mutant, own, plan) : { expect: deniedToAll(mutant, plan) },
    plan,
  );
}

function ofRelation(info: RelationInfo, { note, ...entry }: Entry, plan: Plan): string | undefined {
  if (entry.expect.length === 0) return undefined;
  const relations = { [nameOf(info, plan)]: { ...entry, expect: Object.fromEntries(entry.expect) } };
  return `${note ?? ""}${stringify({ relations }, { aliasDuplicateObjects: false })}`;
}

/** A function that says otherwise is noticed where policies call it: by what a weaker policy would be noticed by. */
function ofCallers(mutant: Mutant, plan: Plan, covered: readonly Covered[]): string | undefined {
  if (!mutant.operator.startsWith("helper-")) return undefined;
  for (const { work, passed } of covered) {
    if ("routine" in work) continue;
    const { info } = work.relation;
    for (const { name, roles, using, check } of info.policies) {
      const calls = (text: string | null): boolean => text?.includes(mutant.after.name) === true;
      if (!calls(using) && !calls(check)) continue;
      const from = calls(check) ? `WITH CHECK (${check ?? ""})` : `USING (${using ?? ""})`;
      const asPolicy = { ...mutant, after: info, roles, from, subject: `policy ${name}` };
      const found = ofRelation(info, moreCells(asPolicy, [...passed.values()], plan), plan);
      if (found !== undefined) return found;
    }
  }
  return undefined;
}

function nameOf({ schema, name }: RelationInfo, { matrix }: Plan): string {
  return schema === matrix.schema ? name : `${schema}.${name}`;
}

/** Who may call it, and what it answers. */
function ofFunction(mutant: Mutant, name: string, own: readonly Cell[], plan: Plan): string | undefined {
  const { operator } = mutant;
  if (operator !== "grant" && own.length > 0) return undefined;
  const says = {
    grant: { deny: "execute" },
    revoke: "<allow, or the rows that it returns>",
  };
  const answer =
    operator === "grant" || operator === "revoke"
      ? says[operator]
      : "<deny, allow, or the rows that it returns>";
  const about = personasOf(mutant, plan);
  if (about.length === 0) return undefined;
  // Who is not listed is expected to be refused: what is named for the first time must say it of everybody.
  const others = own.length > 0 ? [] : plan.matrix.personas.filter((one) => !about.includes(one.name));
  const expect = [
    ...about.map((persona) => [persona, answer]),
    ...others.map((persona) => [persona.name, "<deny, allow, or the rows that it returns>"]),
  ];
  // What is named already has calls.
  const takes = own.length === 0 && !mutant.relation.endsWith("()");
  const entry = {
    ...(takes && { calls: { one: "<argument: value, …>" } }),
    expect: Object.fromEntries(expect),
  };
  return stringify({ functions: { [name]: entry } });
}

const relationsAtMost = 3;

/** A member may do what the other role may, and its policies still decide: that it holds no privilege tells the two apart. */
function lessThanOthers(mutant: Mutant, plan: Plan): string | undefined {
  const other = mutant.to.replace(/^member of /, "");
  const personas = personasOf(mutant, plan);
  const relations = plan.catalog.relations.flatMap((info) => {
    const [more, less] = [info.privileges[other], info.privileges[mutant.after.name]];
    const lacking = allCommands.filter((one) => isHeld(more?.[one]) && !isHeld(less?.[one]));
    if (lacking.length === 0 || less === undefined || !isExposed(info, plan)) return [];
    const denied = Object.fromEntries(lacking.map((one) => [one, { deny: "grant" }]));
    return [[nameOf(info, plan), { expect: Object.fromEntries(personas.map((one) => [one, denied])) }]];
  });
  if (relations.length === 0 || personas.length === 0) return undefined;
  return stringify(
    { relations: Object.fromEntries(relations.slice(0, relationsAtMost)) },
    { aliasDuplicateObjects: false },
  );
}

function isHeld(held: boolean | readonly string[] | undefined): boolean {
  return typeof held === "boolean" ? held : held !== undefined && held.length > 0;
}

function isExposed({ schema, oid }: RelationInfo, { matrix, work }: Plan): boolean {
  return matrix.exposes.includes(schema) || work.some(({ relation }) => relation.info.oid === oid);
}

/** Whose role the change is about. */
function personasOf({ roles }: Mutant, { matrix, catalog }: Plan): readonly string[] {
  return matrix.personas.flatMap((persona) => {
    const role = catalog.roles.find(({ name }) => name === persona.role);
    return role !== undefined && isFor(roles, role) ? [persona.name] : [];
  });
}

interface Entry {
  /** A comment that stands before it. */
  readonly note?: string;
  /** Row sets. */
  readonly rows?: Readonly<Record<string, string>>;
  /** Rows to send. */
  readonly insert?: Readonly<Record<string, Values>>;
  readonly expect: Expected;
}

type Values = Readonly<Record<string, string | null>>;

function moreCells(mutant: Mutant, own: readonly Cell[], plan: Plan): Entry {
  const expect = deniedByGrant(mutant, own, plan);
  if (expect.length > 0) return { expect };
  if (typeof mutant.alters === "string")
    return { expect: [...shownColumns(mutant, own, plan), ...assignedColumns(mutant, own, plan)] };
  const refused = refusedByCheck(mutant, own, plan);
  if (refused.expect.length > 0) return refused;
  const lacking = missing(mutant, own, plan);
  return lacking.length > 0 ? { expect: lacking } : meantRows(mutant, own);
}

/** A SELECT of the columns that are left shows the same rows: only columns that are declared visible miss one. */
function shownColumns(
  { operator, alters, after }: Mutant,
  own: readonly Cell[],
  { catalog }: Plan,
): Expected {
  const before = catalog.relations.find(({ oid }) => oid === after.oid);
  if (operator !== "revoke" || alters !== "select" || before === undefined) return [];
  return own.flatMap(({ operation, column, persona, expectation }): Expected => {
    const visible = before.privileges[persona.role]?.select ?? [];
    const lost = visible.length > (after.privileges[persona.role]?.select.length ?? 0);
    if (operation !== "select" || column !== undefined || !lost) return [];
    if (expectation.kind !== "rows" && expectation.kind !== "allow") return [];
    return [[persona.name, { select: { ...declaredRows(expectation), columns: { visible } } }]];
  });
}

/** A write sends granted columns only, and one of them is enough for it: only columns that are declared say which. */
function assignedColumns(
  { operator, alters, after }: Mutant,
  own: readonly Cell[],
  { catalog }: Plan,
): Expected {
  const before = catalog.relations.find(({ oid }) => oid === after.oid);
  if (before === undefined || (alters !== "insert" && alters !== "update")) return [];
  return own.flatMap((cell): Expected => {
    const { operation, column, persona, expectation } = cell;
    const [had, has] = [before, after].map((info) => info.privileges[persona.role]?.[alters] ?? []);
    const [more = [], fewer = []] = operator === "grant" ? [has, had] : [had, has];
    const differing = more.filter((one) => !fewer.includes(one));
    if (operation !== alters || column !== undefined || expectation.kind === "deny") return [];
    if (differing.length === 0) return [];
    const declared =
      expectation.kind === "candidates"
        ? { accept: expectation.accept, ...(expectation.reject.length > 0 && { reject: expectation.reject }) }
        : declaredRows(expectation);
    const columns = { [operator === "grant" ? "fixed" : "free"]: differing };
    return [[persona.name, { [operation]: { ...declared, columns } }]];
  });
}

function declaredRows(expectation: Cell["expectation"]): Readonly<Record<string, unknown>> {
  return expectation.kind === "rows" ? { rows: expectation.name ?? expectation.predicate } : { allow: true };
}

/** A persona that may have all rows notices no row that another USING lets through. */
function meantRows({ from, subject }: Mutant, own: readonly Cell[]): Entry {
  if (!from.startsWith("USING ") || !subject.startsWith("policy ")) return { expect: [] };
  const all = own.filter(
    ({ column, expectation, operation }) =>
      column === undefined &&
      expectation.kind === "allow" &&
      ["select", "update", "delete"].includes(operation),
  );
  const expect = [...grouped(all, ({ persona }) => persona.name)].map(
    ([persona, cells]) =>
      [persona, Object.fromEntries(cells.map(({ operation }) => [operation, "meant"]))] as const,
  );
  if (expect.length === 0) return { expect };
  const condition = from.slice("USING ".length);
  const note = `# Every row at hand is one of them. Add a row to the SQL for which this is not true, or the cell is vacuous.\n`;
  return { note, rows: { meant: `<the rows for which ${condition}>` }, expect };
}

/** WITH CHECK says less than it did: a row that it refuses is to be sent, in an INSERT and in an UPDATE. */
function refusedByCheck({ after, subject, from }: Mutant, own: readonly Cell[], { catalog }: Plan): Entry {
  const before = catalog.relations.find(({ oid }) => oid === after.oid);
  const policy = before?.policies.find(({ name }) => subject === `policy ${name}`);
  const check = policy?.check ?? null;
  if (before === undefined || check === null || !from.startsWith("WITH CHECK")) return { expect: [] };
  const values = valuesFor(before, check);
  const accepted = own.flatMap(({ expectation, candidates }) =>
    expectation.kind === "candidates"
      ? candidates.filter((one) => one.origin === "declared" && expectation.accept.includes(one.name))
      : [],
  );
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
          cells.map((cell) => [
            cell.operation,
            cell.operation === "insert" ? alsoRejecting(cell, "refused") : alsoNever(cell, values),
          ]),
        ),
      ] as const,
  );
  const inserts = writing.some(({ operation }) => operation === "insert");
  return inserts ? { insert: { refused: { ...accepted[0]?.values, ...values } }, expect } : { expect };
}

/** What is declared of an INSERT stays. */
function alsoRejecting({ expectation, candidates }: Cell, name: string): unknown {
  const declared = candidates.filter(({ origin }) => origin === "declared").map((one) => one.name);
  const { accept, reject } =
    expectation.kind === "candidates" ? expectation : { accept: declared, reject: [] };
  return { ...(accept.length > 0 && { accept }), reject: [...reject, name] };
}

/** What is declared of an UPDATE stays. */
function alsoNever({ expectation, update, check }: Cell, values: Values): unknown {
  const never = (update?.never ?? []).map((one) => [one.name, one.values] as const);
  return {
    ...declaredRows(expectation),
    ...(check && { check: check.name ?? check.predicate }),
    never: { ...Object.fromEntries(never), refused: values },
  };
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
function deniedToAll(mutant: Mutant, plan: Plan): Expected {
  return personasOf(mutant, plan).map((persona) => [persona, "deny"]);
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
    const holds = held === undefined || isHeld(held);
    if (operation !== alters || column !== undefined || holds) return [];
    // Declared already, and what refuses is another relation's privilege.
    if (expectation.kind !== "deny" || expectation.reason === "grant") return [];
    return [[persona.name, { [operation]: { deny: "grant" } }]];
  });
}
