import type { Node } from "libpg-query";
import type { Privileges, RelationInfo, RoleInfo } from "../model/catalog.ts";
import type { RelationOperation } from "../model/matrix.ts";
import { always, type Command, type Condition, joinedConditions } from "./analyse/policy.ts";
import { rowColumns } from "./analyse/tree.ts";
import type { Answer, RestsOn } from "./answer.ts";
import { type Closed, contrast, type Contrast, contrastWith, relaxedTo, type Storable, undecided } from "./contrast.ts";
import type { Context } from "./context.ts";
import { evaluate, type Row } from "./ask/evaluate.ts";
import { fullSight } from "./ask/represent.ts";
import { showInsert, showMove, showOld, showRefusedInsert, type Shown, type Showing, standingRows, type StandingRow } from "./ask/witness.ts";
import { restsOn } from "./rests.ts";
import { checkWithRow } from "./self.ts";

/** What the matrix declares of the rows that an operation reaches, with every parameter bound. */
export type Declared =
  | { readonly kind: "deny" }
  | { readonly kind: "allow" }
  /** Exactly these, or these at the most. */
  | { readonly kind: "rows" | "within"; readonly predicate: string };

export interface ProofCell {
  readonly relation: RelationInfo;
  readonly role: RoleInfo;
  readonly operation: RelationOperation;
  readonly declared: Declared;
  /** INSERT and UPDATE: what a new row must satisfy, bound; `undefined`: nothing is declared of it. */
  readonly check?: string | undefined;
  /** Columns of ON CONFLICT, for an upsert. */
  readonly key: readonly string[];
}

interface Asked {
  readonly context: Context;
  readonly cell: ProofCell;
  readonly held: Privileges;
}

/** Everything that can be said of one cell. */
export async function proveCell(context: Context, cell: ProofCell): Promise<Answer> {
  const outside = outsidePolicies(cell);
  if (outside !== undefined) return outside;
  const held = cell.relation.privileges[cell.role.name];
  if (held === undefined) return { kind: "not-asked", because: "the role's privileges are not known" };
  const asked = { context, cell, held };
  switch (cell.operation) {
    case "insert":
      return insertion(asked);
    case "select":
      return oldRows(asked, "select", false);
    case "delete":
    case "blind_delete":
      return oldRows(asked, "delete", cell.operation === "blind_delete");
    case "update":
    case "blind_update":
      return update(asked, cell.operation === "blind_update");
    case "upsert":
      return upsert(asked);
    case "truncate":
      return { kind: "not-asked", because: "TRUNCATE meets no policy" };
  }
}

/** What is settled before any policy is asked. */
function outsidePolicies({ relation, role, operation }: ProofCell): Answer | undefined {
  if (relation.kind !== "table" && relation.kind !== "partitioned") return { kind: "not-asked", because: `a ${relation.kind} has no policies` };
  const held = relation.privileges[role.name];
  const missing = held && missingPrivilege(held, operation);
  if (missing !== undefined) return { kind: "privilege", missing };
  if (!relation.rls) return { kind: "above", because: "row-level security is not enabled" };
  if (role.superuser) return { kind: "above", because: `${role.name} is a superuser` };
  if (role.bypassRls) return { kind: "above", because: `${role.name} has BYPASSRLS` };
  if (!relation.forceRls && role.inherits.includes(relation.owner)) return { kind: "above", because: `${role.name} owns the table, which does not force row-level security` };
  return undefined;
}

function missingPrivilege(held: Privileges, operation: RelationOperation): string | undefined {
  if (!held.schemaUsage) return "USAGE on the schema";
  const command = operation.replace("blind_", "");
  // What reads a column needs SELECT as well.
  const also = operation === "update" || operation === "delete" ? ["select"] : [];
  const needs: readonly string[] = command === "upsert" ? ["insert", "update", "select"] : [command, ...also];
  for (const one of needs) {
    const has = one === "delete" ? held.delete : one === "truncate" ? held.truncate : (held[one as "select"] ?? []).length > 0;
    if (!has) return one.toUpperCase();
  }
  return undefined;
}

function conditionFor({ context, cell }: Asked, command: Command, side: "old" | "new", reading: boolean): Condition | undefined {
  return context.knowledge.condition(context.space.relation, cell.role.inherits, command, side, reading);
}

function declaredCondition({ context }: Asked, declared: Declared): Condition {
  if (declared.kind === "deny") return always(false);
  return declared.kind === "allow" ? always(true) : context.knowledge.declared(context.space.relation, declared.predicate);
}

// INSERT ---------------------------------------------------------------------------------------------------------------

async function insertion(asked: Asked): Promise<Answer> {
  const { cell, held, context: base } = asked;
  if (cell.check === undefined && cell.declared.kind !== "deny") return { kind: "not-asked", because: "the matrix declares no check: for the new row" };
  const policy = conditionFor(asked, "insert", "new", false);
  const declared = cell.check === undefined || cell.declared.kind === "deny" ? always(false) : base.knowledge.declared(base.space.relation, cell.check);
  if (policy === undefined) return cell.declared.kind === "deny" ? { kind: "no-policy" } : refusedEverything(asked, declared);
  const context = { ...base, space: { ...base.space, fixed: await defaultsOf(asked) } };
  const deny = cell.declared.kind === "deny";
  const settled = await settledByRelaxation(context, policy, deny);
  if (settled !== undefined) return settled;
  const found = await contrast(context, policy, declared, !deny);
  const showing = { space: context.space, as: context.as, policy, declared };
  const shown = await shownHits(context, policy, found, {
    more: (rows) => showInsert(showing, rows, held.insert),
    less: (rows) => showRefusedInsert(showing, rows, held.insert),
  }, "new");
  if (shown?.kind === "constraint-only") return (await byConstraints(context, policy, declared, !deny, deny, "alone")) ?? shown;
  return shown ?? finish(context, policy, declared, await found.close(), found, !deny, deny);
}

/** Does nothing differ among the rows that CHECK constraints and foreign keys let a table hold? */
async function byConstraints(context: Context, policy: Condition, declared: Condition, both: boolean, deny: boolean, storable: Storable): Promise<Answer | undefined> {
  const { relation } = context.space;
  const checks = relation.checks.map((one) => context.knowledge.declared(relation, `(${one}) is not false`));
  const stored = joinedConditions("and", [policy, ...checks]);
  const limited = both ? joinedConditions("and", [declared, ...checks]) : declared;
  const found = await contrast(context, stored, limited, both, storable);
  if (found.more.length > 0 || found.less.length > 0) return undefined;
  const close = await found.close();
  return close.kind === "proved" ? finish(context, stored, limited, close, found, both, deny) : undefined;
}

async function refusedEverything({ context, held }: Asked, declared: Condition): Promise<Answer> {
  const policy = always(false);
  const found = await contrast(context, policy, declared, true);
  const showing = { space: context.space, as: context.as, policy, declared };
  const shown = await shownHits(context, policy, found, {
    more: (rows) => showInsert(showing, rows, held.insert),
    less: (rows) => showRefusedInsert(showing, rows, held.insert),
  }, "new");
  return shown ?? finish(context, policy, declared, await found.close(), found, true, false);
}

function isTriggered({ cell }: Pick<Asked, "cell">, event: "insert" | "update"): boolean {
  return cell.relation.triggers.some(({ enabled, level, timing, events }) => enabled && level === "row" && timing === "before" && events.includes(event));
}

/** A column that the role may not write has its default, unless a trigger may put anything there. */
async function defaultsOf({ context, cell, held }: Asked): Promise<ReadonlyMap<string, string | null>> {
  const { relation, session } = context.space;
  const fixed = new Map<string, string | null>();
  if (isTriggered({ cell }, "insert")) return fixed;
  for (const column of relation.columns) {
    if (held.insert.includes(column.name) || column.generated) continue;
    if (column.identity !== null) continue;
    if (column.expression === null) {
      fixed.set(column.name, null);
      continue;
    }
    const told = await session.ask(context.as, `select (${column.expression})::${column.type}::text`);
    const again = await session.run([{ as: context.as, sql: `select (${column.expression})::${column.type}::text`, rows: true }]);
    const [value, second] = [told, again[0]].map((one) => (one !== undefined && "value" in one ? one.value : undefined));
    // A default that is another one each time stands for no value.
    if (value !== undefined && value === second) fixed.set(column.name, value);
  }
  return fixed;
}

// SELECT, DELETE, UPDATE ------------------------------------------------------------------------------------------------

async function oldRows(asked: Asked, command: "select" | "delete", blind: boolean): Promise<Answer> {
  const { cell, context } = asked;
  const policy = conditionFor(asked, command, "old", !blind);
  const deny = cell.declared.kind === "deny";
  if (policy === undefined && deny) return { kind: "no-policy" };
  const declared = declaredCondition(asked, cell.declared);
  const both = command === "select" && (cell.declared.kind === "allow" || cell.declared.kind === "rows");
  return oldSide(asked, policy ?? always(false), declared, { command, blind, both, newRows: [], context });
}

interface OldSideOptions {
  readonly command: "select" | "delete" | "update" | "upsert";
  readonly blind: boolean;
  readonly both: boolean;
  readonly newRows: readonly Row[];
  readonly context: Context;
}

async function oldSide(asked: Asked, policy: Condition, declared: Condition, { command, blind, both, newRows, context }: OldSideOptions): Promise<Answer> {
  const { cell, held } = asked;
  const deny = cell.declared.kind === "deny";
  const self = readsItself(context, [policy, declared]);
  if (!self && (deny || (cell.declared.kind === "allow" && both))) {
    const settled = await settledByRelaxation(context, policy, deny);
    if (settled !== undefined) return settled;
  }
  const showing = { space: context.space, as: context.as, policy, declared };
  const found = await contrast(context, policy, declared, both);
  const there = await standingDifferences(context, showing, both);
  // With the row there, policy and matrix may say something else of it.
  const checked = self ? await checkWithRow(context, policy, declared, found.distinct, both) : { ...found, incomplete: false };
  const show = (side: "more" | "less") => (): Promise<Shown> =>
    showOld({ showing, command, blind, side, held, newRows, alone: !self, key: cell.key }, checked[side], there[side]);
  const differing = {
    more: [...there.more.map(({ row }) => row), ...checked.more],
    less: both ? [...there.less.map(({ row }) => row), ...checked.less] : [],
  };
  const shown = await shownHits(context, policy, differing, { more: show("more"), less: show("less") }, "old");
  if (shown?.kind === "constraint-only" && !self) return (await byConstraints(context, policy, declared, both, deny, "beside")) ?? shown;
  if (shown !== undefined) return shown;
  const close = await found.close();
  if (checked.incomplete && close.kind === "proved")
    return undecided(`${cell.relation.name} is read by its own policies, and too many rows would have to be tried`, "a row set that does not read the table itself, or a waiver with a reason");
  return finish(context, policy, declared, close, found, both, deny);
}

function readsItself({ knowledge, space }: Context, conditions: readonly Condition[]): boolean {
  const own = `${space.relation.schema}.${space.relation.name}`;
  return conditions.some(({ tree }) => tree !== undefined && knowledge.reach(tree).relations.has(own));
}

/** Rows that are there and differ already: the best witnesses. */
async function standingDifferences({ space, session, as }: Context, { policy, declared }: Showing, both: boolean): Promise<{ more: readonly StandingRow[]; less: readonly StandingRow[] }> {
  const rows = await standingRows(space);
  const cases = rows.map(({ row }) => ({ row }));
  const of = (condition: Condition, by: typeof as): Promise<readonly string[]> =>
    evaluate(session, { as: by, relation: space.relation, alias: condition.alias, texts: [condition.text] }, cases);
  const [p, d] = await Promise.all([of(policy, as), of(declared, fullSight)]);
  return {
    more: rows.filter((_, index) => p[index] === "T" && d[index] !== "T"),
    less: both ? rows.filter((_, index) => d[index] === "T" && p[index] !== "T") : [],
  };
}

async function update(asked: Asked, blind: boolean): Promise<Answer> {
  const { cell, context } = asked;
  const [old, after] = [conditionFor(asked, "update", "old", !blind), conditionFor(asked, "update", "new", !blind)];
  const deny = cell.declared.kind === "deny";
  if (old === undefined || after === undefined) return deny ? { kind: "no-policy" } : { kind: "all-rows", by: "relaxation", restsOn: nothing };
  const newSide = await newRowsOf(context, after, deny);
  if (newSide.kind !== "open") return newSide;
  const options = { command: "update", blind, both: false, newRows: newSide.rows, context } as const;
  // What the new side reads and the role may not write is as it was, unless a trigger writes it.
  const kept = !isTriggered(asked, "update") && !context.space.relation.columns.some(({ name }) => asked.held.update.includes(name) && readsColumn(after, name));
  const reaching = kept ? joinedConditions("and", [old, after]) : old;
  const reached = await oldSide(asked, reaching, declaredCondition(asked, cell.declared), options);
  if (reached.kind === "hit" || reached.kind === "undecided" || reached.kind === "mismatch" || cell.check === undefined) return reached;
  return movedRows(asked, old, after, blind, reached);
}

function readsColumn({ tree }: Condition, name: string): boolean {
  if (tree === undefined) return true;
  const read = rowColumns(tree);
  return read.has(name) || read.has("*");
}

const nothing: RestsOn = { claims: [], time: [], relations: [] };

type NewSide = { readonly kind: "open"; readonly rows: readonly Row[] } | Answer;

/** No new row can be let through: then no row can be changed, whichever the old side lets through. */
async function newRowsOf(context: Context, after: Condition, deny: boolean): Promise<NewSide> {
  const settled = deny ? await settledByRelaxation(context, after, true) : undefined;
  if (settled !== undefined) return settled;
  const found = await contrast(context, after, always(false), false);
  if (!deny || found.more.length > 0) return { kind: "open", rows: found.more };
  const close = await found.close();
  return close.kind === "proved" ? finish(context, after, always(false), close, found, false, true) : { kind: "open", rows: [] };
}

/** The rows that an UPDATE may leave behind, against `check:`. */
async function movedRows(asked: Asked, old: Condition, after: Condition, blind: boolean, reached: Answer): Promise<Answer> {
  const { cell, context, held } = asked;
  const declared = context.knowledge.declared(context.space.relation, cell.check ?? "true");
  const found = await contrast(context, after, declared, false);
  if (found.more.length > 0) {
    const from = await contrast(context, old, always(false), false);
    const showing = { space: context.space, as: context.as, policy: after, declared };
    const shown = await showMove(showing, from.more, found.more, held, blind);
    if (shown.kind === "hit") return hitOf(context, after, shown, found.more, "new");
    if (shown.kind === "refused") return { kind: "constraint-only", message: shown.message, witness: shown.witness };
    return undecided(`${shown.message}, for ${JSON.stringify(found.more[0])}`, "a candidate under never: that is to be refused");
  }
  const close = await found.close();
  return close.kind === "proved" ? reached : close;
}

async function upsert(asked: Asked): Promise<Answer> {
  const { cell, context } = asked;
  const deny = cell.declared.kind === "deny";
  const [into, old, after] = [conditionFor(asked, "insert", "new", true), conditionFor(asked, "update", "old", true), conditionFor(asked, "update", "new", true)];
  if (into === undefined || old === undefined || after === undefined) return deny ? { kind: "no-policy" } : { kind: "all-rows", by: "relaxation", restsOn: nothing };
  for (const condition of deny ? [into, after] : []) {
    const side = await newRowsOf(context, condition, true);
    if (side.kind !== "open") return side;
  }
  const newSide = await newRowsOf(context, after, false);
  const newRows = newSide.kind === "open" ? newSide.rows : [];
  const answer = await oldSide(asked, old, declaredCondition(asked, cell.declared), { command: "upsert", blind: false, both: false, newRows, context });
  // The proposed row must pass the INSERT policies too: what could not be shown may be refused there.
  return answer.kind === "mismatch" ? undecided(answer.message, "a candidate row that the INSERT policies let in") : answer;
}

// Answers --------------------------------------------------------------------------------------------------------------

async function settledByRelaxation(context: Context, { tree }: Condition, deny: boolean): Promise<Answer | undefined> {
  if (tree === undefined) return undefined;
  if ((await relaxedTo(context, tree)) !== (deny ? "never" : "always")) return undefined;
  const opens = async (other: Node): Promise<boolean> => (await relaxedTo(context, other)) !== (deny ? "never" : "always");
  return { kind: "all-rows", by: "relaxation", restsOn: await restsOn(context, [tree], opens) };
}

interface Showers {
  readonly more: (rows: readonly Row[]) => Promise<Shown>;
  readonly less: (rows: readonly Row[]) => Promise<Shown>;
}

/** `undefined`: no row differs. */
async function shownHits(context: Context, policy: Condition, { more, less }: Pick<Contrast, "more" | "less">, show: Showers, which: "old" | "new"): Promise<Answer | undefined> {
  const outcomes: Shown[] = [];
  for (const side of ["more", "less"] as const) {
    const rows = side === "more" ? more : less;
    if (rows.length === 0) continue;
    const shown = await show[side](rows);
    if (shown.kind === "hit") return hitOf(context, policy, shown, rows, which);
    outcomes.push(shown);
  }
  const open = outcomes.find(({ kind }) => kind !== "refused") ?? outcomes[0];
  if (open === undefined || open.kind === "hit") return undefined;
  const volatile = policy.tree === undefined ? undefined : [...context.knowledge.reach(policy.tree).volatile][0];
  if (open.kind === "mismatch" && volatile !== undefined) return undecided(volatile, "a policy whose answer is the same each time it is asked");
  if (open.kind === "mismatch") return { kind: "mismatch", message: open.message, witness: open.witness };
  if (open.kind === "refused" && open.by === "constraint") return { kind: "constraint-only", message: open.message, witness: open.witness };
  return undecided(`${open.message}, for ${JSON.stringify(open.witness)}`, "a candidate row, or a waiver with a reason");
}

/** The stranger test: would somebody else with the same role reach any of these rows? */
async function hitOf(context: Context, policy: Condition, shown: Shown, rows: readonly Row[], which: "old" | "new"): Promise<Answer> {
  if (shown.kind !== "hit") {
    if (shown.kind === "refused") return { kind: "constraint-only", message: shown.message, witness: shown.witness };
    return shown.kind === "mismatch" ? { ...shown } : undecided(`${shown.message}, for ${JSON.stringify(shown.witness)}`, "a candidate row, or a waiver with a reason");
  }
  const { stranger, space, session } = context;
  let own = false;
  if (stranger !== undefined && shown.side === "more") {
    const cases = rows.slice(0, 3_000).map((row) => ({ row }));
    const truths = await evaluate(session, { as: stranger, relation: space.relation, alias: policy.alias, texts: [policy.text] }, cases);
    own = !truths.includes("T");
  }
  return { ...shown, rows: which, own };
}

async function finish(context: Context, policy: Condition, declared: Condition, close: Closed, found: Contrast, both: boolean, deny: boolean): Promise<Answer> {
  if (close.kind !== "proved") return close;
  const trees = [policy, declared].flatMap(({ tree }) => tree ?? []);
  const opens = async (tree: Node): Promise<boolean> => {
    if (deny) return (await relaxedTo(context, tree)) !== "never";
    return contrastWith(context, tree, declared, found.rows, both);
  };
  const { relation } = context.space;
  const named = await restsOn(context, trees, opens);
  const rests = found.besideOthers ? { ...named, relations: [...named.relations, `${relation.schema}.${relation.name}`] } : named;
  if (close.keys.length > 0) return { kind: "keys-that-exist", keys: close.keys, restsOn: rests };
  return { kind: "all-rows", by: close.by, restsOn: rests };
}
