import type { Node } from "libpg-query";
import { bypassOf, type PolicyInfo, type RelationInfo, type RoleInfo } from "../model/catalog.ts";
import { isFor } from "../model/operations.ts";
import { parseExpression } from "../lib/sql-tree.ts";
import { fieldsOf, part } from "../prove/analyse/tree.ts";
import type { Mutant } from "./operators.ts";

/*
 * Evidence that a change permits what was permitted before, whatever the rows and the personas hold: the policies that
 * apply are compared as formulas over their parts, each of which may be true, false or NULL. A part that a parser does
 * not take apart has one value, whatever it is; so what is equal here is equal for every row.
 */

/** 1, 0, and one half for NULL: AND is the least, OR the greatest, NOT what is left to 1. */
type Truth = 0 | 0.5 | 1;
type Formula = (values: readonly Truth[]) => Truth;

const truths: readonly Truth[] = [0, 0.5, 1];
/** 3^8 assignments. */
const atomsAtMost = 8;

const commands = ["select", "insert", "update", "delete"] as const;
type Command = (typeof commands)[number];

/** Why a mutant is no fault; `undefined`: nothing shows that it is none. `roles`: whom policies may be asked for. */
export function equivalence(
  before: RelationInfo,
  { after }: Pick<Mutant, "after">,
  roles: readonly RoleInfo[],
): string | undefined {
  if (before.kind !== "table" && before.kind !== "partitioned") return undefined;
  if (JSON.stringify(before.privileges) !== JSON.stringify(after.privileges)) return undefined;
  if (!before.rls && !after.rls) return "row level security is not enabled on the relation";
  const asked = roles.filter((role) => !(bypassOf(role, before) && bypassOf(role, after)));
  const changed = changedPolicies(before, after);
  const told = changed.length > 0 && before.rls === after.rls;
  if (told && !asked.some((role) => changed.some((policy) => isFor(policy.roles, role))))
    return `no persona's role is among ${[...new Set(changed.flatMap((policy) => policy.roles))].join(", ")}, or policies do not apply to it`;
  const differs = asked.some((role) =>
    commands.some(
      (command) => isHeld(before, role, command) && !permitsTheSame(before, after, role, command),
    ),
  );
  return differs ? undefined : "whatever the rows are, no persona's role gets or loses one by it";
}

function changedPolicies(before: RelationInfo, after: RelationInfo): readonly PolicyInfo[] {
  return [
    ...before.policies.filter((one) => !after.policies.includes(one)),
    ...after.policies.filter((one) => !before.policies.includes(one)),
  ];
}

/** Without the privilege no policy of the command is asked for this role. */
function isHeld(info: RelationInfo, role: RoleInfo, command: Command): boolean {
  const held = info.privileges[role.name]?.[command];
  return held === undefined || (typeof held === "boolean" ? held : held.length > 0);
}

function permitsTheSame(
  before: RelationInfo,
  after: RelationInfo,
  role: RoleInfo,
  command: Command,
): boolean {
  const sides = {
    select: ["using"],
    insert: ["check"],
    update: ["using", "check"],
    delete: ["using"],
  } as const;
  return sides[command].every((side) => {
    const atoms = new Map<string, number>();
    const old = effective(before, role, command, side, atoms);
    const now = effective(after, role, command, side, atoms);
    return (
      atoms.size <= atomsAtMost &&
      assignments(atoms.size).every((one) => (old(one) === 1) === (now(one) === 1))
    );
  });
}

/** OR of what permits, AND what restricts, as Postgres puts them together. */
function effective(
  info: RelationInfo,
  role: RoleInfo,
  command: Command,
  side: "using" | "check",
  atoms: Map<string, number>,
): Formula {
  if (!info.rls || bypassOf(role, info) !== undefined) return () => 1;
  const applying = info.policies.filter(
    (policy) => (policy.command === command || policy.command === "all") && isFor(policy.roles, role),
  );
  const formulas = (permissive: boolean): readonly Formula[] =>
    applying
      .filter((policy) => policy.permissive === permissive)
      .map((policy) => {
        const text = side === "check" ? (policy.check ?? policy.using) : policy.using;
        // Postgres leaves it out of the OR, and out of the AND.
        return text === null
          ? (): Truth => (permissive ? 0 : 1)
          : formulaOf(parseExpression(text), info, atoms);
      });
  return all([any(formulas(true)), ...formulas(false)]);
}

const all =
  (of: readonly Formula[]): Formula =>
  (values) =>
    Math.min(1, ...of.map((one) => one(values))) as Truth;
const any =
  (of: readonly Formula[]): Formula =>
  (values) =>
    Math.max(0, ...of.map((one) => one(values))) as Truth;

function formulaOf(node: Node, info: RelationInfo, atoms: Map<string, number>): Formula {
  const { boolop, args = [] } = part(node, "BoolExpr") ?? {};
  if (boolop !== undefined) {
    const of = args.map((arg) => formulaOf(arg, info, atoms));
    if (boolop === "AND_EXPR") return all(of);
    if (boolop === "OR_EXPR") return any(of);
    const [first = any([])] = of;
    return (values) => (1 - first(values)) as Truth;
  }
  const fixed = valueOf(node, info);
  if (fixed !== undefined) return () => fixed;
  const key = JSON.stringify(node, (name, value: unknown) => (name.endsWith("location") ? undefined : value));
  const index = atoms.get(key) ?? atoms.size;
  atoms.set(key, index);
  return (values) => values[index] ?? 0.5;
}

/** A constant, or IS NULL of a column that holds no NULL. */
function valueOf(node: Node, { columns, name }: RelationInfo): Truth | undefined {
  const constant = part(node, "A_Const");
  if (constant?.boolval !== undefined) return constant.boolval.boolval === true ? 1 : 0;
  const test = part(node, "NullTest");
  const fields = fieldsOf(test?.arg);
  const own = fields?.length === 1 || (fields?.length === 2 && fields[0] === name);
  if (test === undefined || !own) return undefined;
  const column = columns.find((one) => one.name === fields?.at(-1));
  return column?.notNull === true ? (test.nulltesttype === "IS_NULL" ? 0 : 1) : undefined;
}

function assignments(count: number): readonly (readonly Truth[])[] {
  let found: readonly (readonly Truth[])[] = [[]];
  for (let index = 0; index < count; index++)
    found = found.flatMap((one) => truths.map((value) => [...one, value]));
  return found;
}
