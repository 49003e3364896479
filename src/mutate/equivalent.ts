import type { Node } from "libpg-query";
import { bypassOf, type PolicyInfo, type RelationInfo, type RoleInfo } from "../model/catalog.ts";
import { isFor } from "../model/operations.ts";
import { perObject } from "../lib/recent.ts";
import { parseExpression } from "../lib/sql-tree.ts";
import { part, stringOf, walk } from "../prove/analyse/tree.ts";
import { type Bodies, type BodiesOf, noBodies } from "./bodies.ts";
import { all, any, type Formula, formulaOf, Parts, type Term, termOf } from "./formula.ts";
import type { Mutant } from "./mutant.ts";

/*
 * Evidence that a change permits what was permitted before, whatever the rows and the personas hold: the policies that
 * apply are compared as formulas.
 */

/** A relation as it is, and as the change would have it. */
export interface Compared {
  readonly before: RelationInfo;
  readonly after: RelationInfo;
  readonly bodies: BodiesOf;
}

const commands = ["select", "insert", "update", "delete"] as const;
export type Command = (typeof commands)[number];

/** Why a mutant is no fault; `undefined`: nothing shows that it is none. `roles`: whom policies may be asked for. */
export function equivalence(
  before: RelationInfo,
  { after }: Pick<Mutant, "after">,
  roles: readonly RoleInfo[],
  /** No cell noticed it: then it does not matter either which clause of a policy refuses an UPDATE. */
  survived = false,
  bodies: BodiesOf = noBodies,
): string | undefined {
  if (before.kind !== "table" && before.kind !== "partitioned") return undefined;
  if (JSON.stringify(before.privileges) !== JSON.stringify(after.privileges)) return undefined;
  if (!before.rls && !after.rls) return "row level security is not enabled on the relation";
  const asked = roles.filter((role) => !(bypassOf(role, before) && bypassOf(role, after)));
  const changed = changedPolicies(before, after);
  const told = changed.length > 0 && before.rls === after.rls;
  if (told && !asked.some((role) => changed.some((policy) => isFor(policy.roles, role))))
    return `no persona's role is among ${[...new Set(changed.flatMap((policy) => policy.roles))].join(", ")}, or policies do not apply to it`;
  const compared = { before, after, bodies };
  const differs = asked.some((role) => differingCommands(compared, role, survived).length > 0);
  return differs ? undefined : "whatever the rows are, no persona's role gets or loses one by it";
}

/** Commands of which the formulas do not show that the role may do the same with the change as without it. */
export function differingCommands(compared: Compared, role: RoleInfo, survived: boolean): readonly Command[] {
  return commands.filter(
    (command) => isHeld(compared.before, role, command) && !permitsTheSame(compared, role, command, survived),
  );
}

/** WITH CHECK lets in the same new rows of an UPDATE. */
export function checksTheSame(compared: Compared, role: RoleInfo): boolean {
  return saysTheSame(compared, role, [["update", "check"]]);
}

function changedPolicies(before: RelationInfo, after: RelationInfo): readonly PolicyInfo[] {
  return [
    ...before.policies.filter((one) => !after.policies.includes(one)),
    ...after.policies.filter((one) => !before.policies.includes(one)),
  ];
}

/** Without the privilege no policy of the command is asked for this role. */
export function isHeld(info: RelationInfo, role: RoleInfo, command: Command): boolean {
  const held = info.privileges[role.name]?.[command];
  return held === undefined || (typeof held === "boolean" ? held : held.length > 0);
}

const sidesOf = {
  select: ["using"],
  insert: ["check"],
  update: ["using", "check"],
  delete: ["using"],
} as const satisfies Record<Command, readonly Side[]>;

function permitsTheSame(compared: Compared, role: RoleInfo, command: Command, survived: boolean): boolean {
  if (sidesOf[command].every((side) => saysTheSame(compared, role, [[command, side]]))) return true;
  const mayChange = survived && command === "update" ? changedByUpdate(compared.before, role) : undefined;
  return (
    mayChange !== undefined &&
    saysTheSame(
      compared,
      role,
      [
        ["update", "using"],
        ["update", "check"],
      ],
      mayChange,
    )
  );
}

/** By the texts before and after: asked of several roles, when a change is looked at first, when its cells are chosen, and at the end. */
const knownOf = perObject((_before: RelationInfo) => new Map<string, boolean>());

/** Both sides together are true before just where they are true after. A part that `mayChange` has a value on each side. */
function saysTheSame(
  compared: Compared,
  role: RoleInfo,
  sides: readonly AskedSide[],
  mayChange?: (node: Node) => boolean,
): boolean {
  const { before, after, bodies } = compared;
  const [old, now] = [before, after].map((info) =>
    JSON.stringify(sides.map(([command, side]) => textOf(info, role, command, side))),
  );
  if (old === now) return true;
  // What an UPDATE may change, and which functions may be called, is another thing for each role.
  const key = `${old} ${now} ${mayChange === undefined && bodies(role).size === 0 ? "" : role.name}`;
  const known = knownOf(before);
  const same = known.get(key) ?? areTheSame(compared, role, sides, mayChange);
  known.set(key, same);
  return same;
}

/**
 * A write that reads is asked by its own policies and by those of SELECT, both about the rows that are there and about a new one: it
 * reaches the same rows where both together say the same.
 */
export function reachesTheSame(compared: Compared, role: RoleInfo, asked: readonly Command[]): boolean {
  const writes = asked.filter((command) => command !== "select");
  const shown = asked.includes("select") ? ([["select", "using"]] as const) : [];
  const sides = writes.flatMap((command) => sidesOf[command].map((side): AskedSide => [command, side]));
  return (sides.length === 0 ? [[]] : sides.map((side) => [side])).every((own) =>
    saysTheSame(compared, role, [...own, ...shown]),
  );
}

function areTheSame(
  { before, after, bodies }: Compared,
  role: RoleInfo,
  sides: readonly AskedSide[],
  mayChange: (node: Node) => boolean = () => false,
): boolean {
  const parts = new Parts();
  const [old, now] = [before, after].map((info) =>
    all(
      sides.map(([command, side]) =>
        effective(info, { role, command, side }, parts, bodies(role), (node) =>
          mayChange(node) ? side : "",
        ),
      ),
    ),
  );
  return parts.always((one) => (old?.(one) === 1) === (now?.(one) === 1));
}

/** Whether SELECT shows each row that it showed before, whatever the rows are. */
export function showsAll({ before, after, bodies }: Compared, role: RoleInfo): boolean {
  const parts = new Parts();
  const [old, now] = [before, after].map((info) =>
    effective(info, { role, command: "select", side: "using" }, parts, bodies(role)),
  );
  return parts.always((one) => old?.(one) !== 1 || now?.(one) === 1);
}

/**
 * Whether an UPDATE may change what a part of a policy says of a row: what it may not, WITH CHECK says of the new row as USING of the old
 * one, and refuses what USING no longer filters out. @returns `undefined`: other code may change the row, too
 */
function changedByUpdate(before: RelationInfo, { name }: RoleInfo): ((node: Node) => boolean) | undefined {
  const may = before.privileges[name]?.update;
  if (may === undefined || before.rules.length > 0) return undefined;
  if (before.triggers.some(({ timing, events }) => timing === "before" && events.includes("update")))
    return undefined;
  const written = new Set([...may, ...before.columns.filter((one) => one.generated).map((one) => one.name)]);
  return (expression) => {
    let changes = false;
    walk(expression, (node) => {
      const fields = part(node, "ColumnRef")?.fields;
      const field = fields?.at(-1);
      // A row as a whole, or a column that may be this relation's.
      if (fields !== undefined)
        changes ||=
          part(field, "String") === undefined ||
          written.has(stringOf(field)) ||
          stringOf(field) === before.name;
    });
    return changes;
  };
}

type Side = "using" | "check";
type AskedSide = readonly [Command, Side];

/** OR of what permits, AND what restricts, as Postgres puts them together. */
function effective(
  info: RelationInfo,
  { role, command, side }: { role: RoleInfo; command: Command; side: Side },
  parts: Parts,
  bodies: Bodies,
  placeOf: (node: Node) => string = () => "",
): Formula {
  if (!info.rls || bypassOf(role, info) !== undefined) return () => 1;
  const formulas = (permissive: boolean): readonly Formula[] =>
    clauses(info, role, command, side, permissive).map((one) =>
      formulaOf(termIn(one, info, bodies), parts, placeOf),
    );
  return all([any(formulas(true)), ...formulas(false)]);
}

/** What is the same text is the same formula, however many parts it has. */
function textOf(info: RelationInfo, role: RoleInfo, command: Command, side: Side): string {
  const texts = textsOf(info)(role);
  const key = `${command} ${side}`;
  const text = texts.get(key) ?? newTextOf(info, role, command, side);
  texts.set(key, text);
  return text;
}

const textsOf = perObject((_info: RelationInfo) => perObject((_role: RoleInfo) => new Map<string, string>()));

function newTextOf(info: RelationInfo, role: RoleInfo, command: Command, side: Side): string {
  const isOpen = !info.rls || bypassOf(role, info) !== undefined;
  const of = (permissive: boolean): readonly string[] =>
    clauses(info, role, command, side, permissive)
      .map(({ text }) => text)
      .toSorted();
  return isOpen ? "" : JSON.stringify([of(true), of(false)]);
}

/** Of the policies that apply. One without the clause is left out of the OR, and out of the AND. */
function clauses(
  info: RelationInfo,
  role: RoleInfo,
  command: Command,
  side: Side,
  permissive: boolean,
): readonly Clause[] {
  return info.policies
    .filter(
      (policy) =>
        policy.permissive === permissive &&
        (policy.command === command || policy.command === "all") &&
        isFor(policy.roles, role),
    )
    .flatMap((policy) => clausesOf(policy)[side] ?? []);
}

interface Clause {
  readonly text: string;
}

/** Of a policy, which is the same one in most changes. */
const clausesOf = perObject(({ using, check }: PolicyInfo): Readonly<Record<Side, Clause | undefined>> => {
  const [usingClause, checkClause] = [using, check].map((text) => (text === null ? undefined : { text }));
  return { using: usingClause, check: checkClause ?? usingClause };
});

/** A clause is of one relation, whose columns no change touches. */
function termIn(clause: Clause, info: RelationInfo, bodies: Bodies): Term {
  const terms = termsOf(bodies);
  const term = terms.get(clause) ?? termOf(parseExpression(clause.text), info, bodies);
  terms.set(clause, term);
  return term;
}
const termsOf = perObject((_bodies: Bodies) => new WeakMap<Clause, Term>());
