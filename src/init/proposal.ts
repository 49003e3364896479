import type { Node } from "libpg-query";
import { formatQualified } from "../lib/sql-text.ts";
import type { RelationInfo, RoleInfo } from "../model/catalog.ts";
import { bypassOf } from "../model/catalog.ts";
import type { RelationOperation } from "../model/matrix.ts";
import type { ProofRelation, Schema } from "../prove/analyse/schema.ts";
import type { Command, Side } from "../prove/analyse/policy.ts";
import { both, type Condition, conditionFor, forPersona } from "./conditions.ts";
import { nameOf, predicateText } from "./predicate.ts";
import type { InitPersona } from "./personas.ts";
import { part } from "../prove/analyse/tree.ts";

/** A row set that a policy asks for. */
export interface RowSet {
  readonly name: string;
  readonly text: string;
}

/** What a cell may be declared as; `waived`: why no form of it passed. */
export interface Proposal {
  /** Rows that are read or changed; `undefined`: an INSERT's. */
  readonly rows?: RowSet | "all" | undefined;
  /** Rows that may be written. */
  readonly check?: RowSet | "all" | undefined;
  readonly waived?: string | undefined;
  /** The SQLSTATE in which each such statement ends: the waiver covers it, too. */
  readonly error?: string | undefined;
  /** Writes that are allowed may bring more into reach. */
  readonly gains?: true;
  /** Columns that may hold another's identity: others see the row then, or its owner loses it. */
  readonly names?: readonly string[];
  /** A part of what the policies say: another part of it lets nothing through. */
  readonly partial?: true;
  /** What the matrix makes of the other operations by itself: it is not written. */
  readonly implied?: true;
}

/** Proposals for a cell, the most exact first. Denied is always tried before. */
export type Propose = (persona: InitPersona, operation: RelationOperation) => readonly Proposal[];

export const everything: Proposal = { rows: "all", check: "all" };
const implied: Proposal = { implied: true };
const impliedOperations: ReadonlySet<RelationOperation> = new Set(["blind_update", "blind_delete", "upsert"]);

/** What the policies of one relation say, as row sets of a matrix. */
export function proposer(
  info: RelationInfo,
  relation: ProofRelation | undefined,
  roles: ReadonlyMap<string, RoleInfo>,
  schema: Schema,
): Propose {
  const conditions = new Map<string, Condition | undefined>();
  const names = new Map<string, string>();
  const sources = relation === undefined ? [] : sourcesOf(info, relation, schema);
  const conditionOf = (of: ProofRelation, role: RoleInfo, command: Command, side: Side) => {
    const key = `${formatQualified(of)}/${role.name}/${command}/${side}`;
    if (!conditions.has(key)) conditions.set(key, conditionFor(of, role.inherits, command, side, schema));
    return conditions.get(key);
  };
  const setOf = ({ tree, helpers, policy }: Part): RowSet | "all" | undefined => {
    if (tree === true) return "all";
    if (tree === undefined || tree === false || relation === undefined) return undefined;
    const text = predicateText(tree, relation);
    if (text === undefined) return undefined;
    if (!names.has(text)) names.set(text, unusedName(nameOf(tree, helpers, policy), new Set(names.values())));
    return { name: names.get(text) ?? "", text };
  };
  const explicit: Propose = (persona, operation) => {
    const role = roles.get(String(persona.declaration["role"] ?? persona.declaration["login"]));
    const isOpen = role === undefined || sources.length === 0 || bypassOf(role, info) !== undefined;
    if (operation === "truncate" || isOpen) return [everything];
    const partOf =
      (of: ProofRelation): PartOf =>
      (command, side) => {
        const condition = conditionOf(of, role, command, side);
        const helpers = new Map(condition?.helpers);
        const tree = condition && forPersona({ tree: condition.tree, helpers }, persona.values);
        return { tree, helpers, policy: condition?.policy };
      };
    const found = sources
      .flatMap((of) => proposedFor(operation, partOf(of), setOf))
      .map((one) => (info.rls ? one : { ...one, check: undefined }))
      .filter((one) => (operation === "insert" ? one.check : one.rows) !== undefined);
    // Which candidates there are hangs on the rows at hand, and their keys may be others the next time.
    if (operation === "insert" && found.length > 0 && !found.some((one) => sameAs(one, everything)))
      return found;
    return found.some((one) => sameAs(one, everything))
      ? [everything, ...found.filter((one) => !sameAs(one, everything))]
      : [...found, everything];
  };
  return (persona, operation) => [
    ...(impliedOperations.has(operation) ? [implied] : []),
    ...explicit(persona, operation),
  ];
}

/**
 * Whose policies decide: a table's own, where it has row security; of a view that is read with the rights of who asks, those of the
 * tables behind it, whose columns it may call the same. What it may write no `check` says.
 */
function sourcesOf(info: RelationInfo, relation: ProofRelation, schema: Schema): readonly ProofRelation[] {
  if (info.rls) return [relation];
  if (info.kind !== "view" || !info.securityInvoker) return [];
  return info.reads.flatMap((one) => {
    const table = schema.relation(one.schema, one.name);
    return table !== undefined && table.policies.length > 0 ? [table] : [];
  });
}

/** What is left for a persona of a condition. */
interface Part {
  readonly tree: boolean | Node | undefined;
  readonly helpers: ReadonlyMap<Node, string>;
  readonly policy: string | undefined;
}

type PartOf = (command: Command, side: Side) => Part;

/**
 * The shortest first: what is changed or deleted must be visible too, which is said only where it leaves something out.
 */
function proposedFor(
  operation: RelationOperation,
  partOf: PartOf,
  setOf: (one: Part) => RowSet | "all" | undefined,
): readonly Proposal[] {
  const select = partOf("select", "old");
  const seen = (one: Part): Part => ({
    tree: one.tree === undefined || select.tree === undefined ? undefined : both(one.tree, select.tree),
    helpers: new Map([...one.helpers, ...select.helpers]),
    policy: undefined,
  });
  if (operation === "select")
    return [
      { rows: setOf(select) },
      ...armsOf(select).map((one): Proposal => ({ rows: setOf(one), partial: true })),
    ];
  if (operation === "insert") return [{ check: setOf(partOf("insert", "new")) }];
  if (operation === "blind_update" || operation === "upsert")
    return [{ rows: setOf(partOf("update", "old")) }];
  if (operation === "blind_delete") return [{ rows: setOf(partOf("delete", "old")) }];
  const old = partOf(operation === "update" ? "update" : "delete", "old");
  const after = partOf("update", "new");
  const found: readonly (readonly [Part, Part])[] = [
    [old, after],
    [seen(old), after],
    [seen(old), seen(after)],
  ];
  const proposals = found.map(([rows, check]) =>
    operation === "update" ? { rows: setOf(rows), check: setOf(check) } : { rows: setOf(rows) },
  );
  return [...new Map(proposals.map((one) => [JSON.stringify(one), one])).values()];
}

/** More of them make more forms than are worth a try. */
const mostArms = 4;

/** Of what holds if one of several conditions does: all but one of these, and each alone. */
function armsOf(one: Part): readonly Part[] {
  const bool = typeof one.tree === "object" ? part(one.tree, "BoolExpr") : undefined;
  const arms = bool?.boolop === "OR_EXPR" ? (bool.args ?? []) : [];
  if (arms.length < 2 || arms.length > mostArms) return [];
  const without = arms.length === 2 ? [] : arms.map((left) => arms.filter((arm) => arm !== left));
  const trees = [...without.map((args): Node => ({ BoolExpr: { boolop: "OR_EXPR", args } })), ...arms];
  return trees.map((tree) => ({ ...one, tree, policy: undefined }));
}

function sameAs(a: Proposal, b: Proposal): boolean {
  return a.rows === b.rows && (a.check ?? "all") === (b.check ?? "all");
}

function unusedName(name: string, taken: ReadonlySet<string>): string {
  let found = name;
  for (let next = 2; taken.has(found); next += 1) found = `${name}_${next}`;
  return found;
}

/** What is declared of each relation: `schema.relation` → persona → operation. What is not there is denied. */
export type Declared = ReadonlyMap<string, ReadonlyMap<string, ReadonlyMap<RelationOperation, Proposal>>>;

export function rowSetsOf(of: Iterable<ReadonlyMap<RelationOperation, Proposal>>): readonly RowSet[] {
  const found = new Map<string, RowSet>();
  for (const operations of of)
    for (const { rows, check } of operations.values())
      for (const one of [rows, check]) if (one !== undefined && one !== "all") found.set(one.name, one);
  return [...found.values()];
}

/** As a matrix writes it. */
export function expectationOf(
  operation: RelationOperation,
  { rows, check, waived, error, gains, names }: Proposal,
  expires: string,
): unknown {
  const waive = {
    ...(names !== undefined && { names }),
    ...(gains === true && { may_become: { rows: "true" } }),
    ...(waived !== undefined && {
      waive: { reason: waived, expires, ...(error !== undefined && { error }) },
    }),
  };
  const isPlain = waived === undefined && gains !== true && names === undefined;
  if (rows === undefined && check === undefined) return isPlain ? "deny" : { deny: true, ...waive };
  if (operation === "insert") {
    if (check === "all" || check === undefined) return isPlain ? "allow" : { allow: true, ...waive };
    return { check: check.name, ...waive };
  }
  const checked =
    operation === "update" && check !== undefined && check !== "all" ? { check: check.name } : {};
  if (rows === "all" || rows === undefined)
    return isPlain && !("check" in checked) ? "allow" : { allow: true, ...checked, ...waive };
  return isPlain && !("check" in checked) ? rows.name : { rows: rows.name, ...checked, ...waive };
}

/** The relation's name in a matrix whose schema is `public`. */
export function shownRelation(of: RelationInfo): string {
  const plain = /^[a-z_][a-z0-9_]*$/i;
  const quote = (name: string): string => (plain.test(name) ? name : `"${name.replaceAll('"', '""')}"`);
  return of.schema === "public" ? quote(of.name) : `${quote(of.schema)}.${quote(of.name)}`;
}

export function keyOf(of: RelationInfo): string {
  return formatQualified(of);
}
