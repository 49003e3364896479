import type { PolicyInfo, RelationInfo, RoleInfo } from "../model/catalog.ts";
import { formatQualified } from "../lib/sql-text.ts";
import type { OperatorSet } from "../model/mutation.ts";
import { alterSql, createPolicySql, dropPolicySql } from "./ddl.ts";
import {
  changesOf,
  type ExpressionChange,
  isConstant,
  negated,
  negatedComparison,
  nullEquals,
  nullOpens,
  otherClaim,
  otherColumn,
  otherConnective,
  shiftedComparison,
  unboundExists,
  withoutNot,
  withoutOperand,
} from "./expressions.ts";
import { granted, grantedColumns, revoked, revokedColumns } from "./grants.ts";
import { allCommands, type Change, type Mutant, type PolicyCommand } from "./mutant.ts";
import type { ColumnGrant } from "./privileges.ts";
import { type Barrier, withoutBarrier } from "./unseen.ts";

const everybody: readonly string[] = ["public"];

interface Operator {
  readonly name: string;
  readonly set: OperatorSet;
  readonly changes: (
    relation: RelationInfo,
    roles: readonly RoleInfo[],
    facts: OperatorFacts,
  ) => readonly Change[];
}

/** What the catalogue of a run does not say. */
export interface OperatorFacts {
  readonly columnGrants: readonly ColumnGrant[];
  readonly barriers: readonly Barrier[];
}

const noFacts: OperatorFacts = { columnGrants: [], barriers: [] };

/** A policy changed, or none in its place; `undefined` fields of the answer stay as they are. */
type PolicyChange = Partial<PolicyInfo> & {
  readonly from: string;
  readonly to: string;
  unprintable?: string;
};

/**
 * Every operator. The selective set are those that subsume most others: operands, negations, constants, whole policies,
 * targets and grants.
 */
export const operators: readonly Operator[] = [
  onPolicies("using-true", "selective", (policy) => constant(policy, "using", true)),
  onPolicies("using-false", "selective", (policy) => constant(policy, "using", false)),
  onPolicies("check-true", "selective", (policy) => constant(policy, "check", true)),
  onPolicies("check-removed", "selective", ({ using, check }) =>
    using === null || check === null || using === check
      ? []
      : [{ check: null, from: `WITH CHECK (${check})`, to: `WITH CHECK as USING (${using})` }],
  ),
  onPolicies("drop-operand", "selective", (policy) => onExpressions(policy, withoutOperand)),
  onPolicies("negate-comparison", "selective", (policy) => onExpressions(policy, negatedComparison)),
  onPolicies("command-all", "selective", widenedCommand),
  onPolicies("to-public", "selective", ({ roles }) =>
    roles.includes("public") ? [] : [{ roles: ["public"], from: `TO ${roles.join(", ")}`, to: "TO public" }],
  ),
  { name: "drop-policy", set: "selective", changes: droppedPolicies },
  { name: "add-permissive-true", set: "selective", changes: addedPolicy },
  { name: "rls-off", set: "selective", changes: withoutRls },
  { name: "grant", set: "selective", changes: granted },
  { name: "revoke", set: "selective", changes: revoked },
  { name: "invoker-off", set: "selective", changes: withoutInvoker },
  { name: "grant", set: "full", changes: grantedColumns },
  {
    name: "revoke",
    set: "full",
    changes: (relation, roles, { columnGrants }) => revokedColumns(relation, roles, columnGrants),
  },
  {
    name: "barrier-off",
    set: "full",
    changes: (relation, roles, { barriers }) => withoutBarrier(relation, roles, barriers),
  },
  { name: "force-off", set: "full", changes: withoutForce },
  onPolicies("and-or", "full", (policy) => onExpressions(policy, otherConnective)),
  onPolicies("drop-not", "full", (policy) => onExpressions(policy, withoutNot)),
  onPolicies("shift-comparison", "full", (policy) => onExpressions(policy, shiftedComparison)),
  onPolicies("null-opens", "full", (policy) => onExpressions(policy, nullOpens)),
  onPolicies("null-equals", "full", (policy) => onExpressions(policy, nullEquals)),
  onPolicies("other-claim", "full", (policy) => onExpressions(policy, otherClaim)),
  onPolicies("add-not", "full", (policy) =>
    (["using", "check"] as const).flatMap((side) => {
      const text = policy[side];
      return text === null ? [] : expressionChanges(side, text, [negated(text)]);
    }),
  ),
  onPolicies("other-column", "full", (policy, relation) => onExpressions(policy, otherColumn(relation))),
  onPolicies("to-role", "full", (policy, _, roles) => otherRole(policy, roles)),
  onPolicies("unbind-exists", "full", (policy) => onExpressions(policy, unboundExists)),
  onPolicies("permissive-restrictive", "full", ({ permissive }) => [
    {
      permissive: !permissive,
      from: permissive ? "AS PERMISSIVE" : "AS RESTRICTIVE",
      to: permissive ? "AS RESTRICTIVE" : "AS PERMISSIVE",
    },
  ]),
];

/** Every mutant of a relation, each once: two operators may make the same change. */
export function mutantsOf(
  relation: RelationInfo,
  roles: readonly RoleInfo[],
  set: OperatorSet,
  facts: OperatorFacts = noFacts,
): readonly Mutant[] {
  const byDdl = new Map<string, Mutant>();
  for (const operator of operators) {
    if (set === "selective" && operator.set === "full") continue;
    for (const change of operator.changes(relation, roles, facts)) {
      const mutant = { ...change, operator: operator.name, relation: formatQualified(relation) };
      const key = change.unprintable === undefined ? change.ddl.join(";") : JSON.stringify(change);
      if (!byDdl.has(key)) byDdl.set(key, mutant);
    }
  }
  return [...byDdl.values()];
}

function onPolicies(
  name: string,
  set: OperatorSet,
  changes: (
    policy: PolicyInfo,
    relation: RelationInfo,
    roles: readonly RoleInfo[],
  ) => readonly PolicyChange[],
): Operator {
  return {
    name,
    set,
    changes: (relation, roles) =>
      relation.policies.flatMap((policy) =>
        changes(policy, relation, roles).map(({ from, to, unprintable, ...change }): Change => {
          const after = { ...policy, ...change };
          return {
            subject: `policy ${policy.name}`,
            from,
            to,
            unprintable,
            alters: commandsOf(policy, after),
            roles: [...policy.roles, ...after.roles],
            ddl: [dropPolicySql(relation, policy), createPolicySql(relation, after)],
            after: withPolicies(relation, (one) => (one === policy ? [after] : [one])),
          };
        }),
      ),
  };
}

function withPolicies(
  relation: RelationInfo,
  change: (policy: PolicyInfo) => readonly PolicyInfo[],
): RelationInfo {
  return { ...relation, policies: relation.policies.flatMap(change) };
}

/** USING does not decide what is inserted where there is a WITH CHECK, and WITH CHECK alone decides nothing that is read. */
function commandsOf(before: PolicyInfo, after: PolicyInfo): readonly PolicyCommand[] {
  if (before.command !== after.command) return allCommands;
  const commands = before.command === "all" ? allCommands : [before.command];
  const { using, check } = before;
  if (using !== after.using && after.check !== null) return commands.filter((one) => one !== "insert");
  return using === after.using && check !== after.check
    ? commands.filter((one) => one === "insert" || one === "update")
    : commands;
}

const clauses = { using: "USING", check: "WITH CHECK" } as const;

function constant(policy: PolicyInfo, side: keyof typeof clauses, value: boolean): readonly PolicyChange[] {
  const text = policy[side];
  if (text === null || isConstant(text, value)) return [];
  return [{ [side]: String(value), from: `${clauses[side]} (${text})`, to: `${clauses[side]} (${value})` }];
}

function onExpressions(policy: PolicyInfo, change: Parameters<typeof changesOf>[1]): readonly PolicyChange[] {
  return (["using", "check"] as const).flatMap((side) => {
    const text = policy[side];
    if (text === null) return [];
    return expressionChanges(side, text, changesOf(text, change));
  });
}

function expressionChanges(
  side: keyof typeof clauses,
  text: string,
  changes: readonly ExpressionChange[],
): readonly PolicyChange[] {
  const from = `${clauses[side]} (${text})`;
  return changes.map(
    (one): PolicyChange =>
      "text" in one
        ? { [side]: one.text, from, to: `${clauses[side]} (${one.text})` }
        : { from, to: one.unprintable, unprintable: one.unprintable },
  );
}

/** A policy FOR INSERT has no USING, so that FOR ALL it would be another one: its check is its USING then. */
function widenedCommand({ command, using, check }: PolicyInfo): readonly PolicyChange[] {
  if (command === "all") return [];
  return [{ command: "all", using: using ?? check, from: `FOR ${command.toUpperCase()}`, to: "FOR ALL" }];
}

/** For another persona's role alone. */
function otherRole({ roles }: PolicyInfo, all: readonly RoleInfo[]): readonly PolicyChange[] {
  return all
    .filter(({ name }) => !roles.includes(name))
    .map(({ name }) => ({ roles: [name], from: `TO ${roles.join(", ")}`, to: `TO ${name}` }));
}

function droppedPolicies(relation: RelationInfo): readonly Change[] {
  return relation.policies.map((policy) => ({
    subject: `policy ${policy.name}`,
    from: `POLICY ${policy.name}`,
    to: "no policy",
    alters: policy.command === "all" ? allCommands : [policy.command],
    roles: policy.roles,
    ddl: [dropPolicySql(relation, policy)],
    after: withPolicies(relation, (one) => (one === policy ? [] : [one])),
  }));
}

function addedPolicy(relation: RelationInfo): readonly Change[] {
  if (!relation.rls) return [];
  const added: PolicyInfo = {
    name: "rowgate mutant",
    command: "all",
    permissive: true,
    roles: ["public"],
    using: "true",
    check: null,
  };
  return [
    {
      subject: "policies",
      from: "no such policy",
      to: "POLICY FOR ALL TO public USING (true)",
      alters: allCommands,
      roles: everybody,
      ddl: [createPolicySql(relation, added)],
      after: { ...relation, policies: [...relation.policies, added] },
    },
  ];
}

function withoutRls(relation: RelationInfo): readonly Change[] {
  if (!relation.rls) return [];
  return [option(relation, "row level security", "ENABLE", "DISABLE", { rls: false })];
}

function withoutForce(relation: RelationInfo): readonly Change[] {
  if (!relation.rls || !relation.forceRls) return [];
  return [option(relation, "row level security", "FORCE", "NO FORCE", { forceRls: false })];
}

function option(
  relation: RelationInfo,
  what: string,
  from: string,
  to: string,
  change: Partial<RelationInfo>,
): Change {
  return {
    subject: what,
    from,
    to,
    alters: allCommands,
    roles: everybody,
    ddl: [alterSql(relation, `${to.toLowerCase()} ${what}`)],
    after: { ...relation, ...change },
  };
}

function withoutInvoker(relation: RelationInfo): readonly Change[] {
  if (relation.kind !== "view" || !relation.securityInvoker) return [];
  return [
    {
      subject: "view",
      from: "security_invoker",
      to: "security_invoker = false",
      alters: allCommands,
      roles: everybody,
      ddl: [alterSql(relation, "set (security_invoker = false)")],
      after: { ...relation, securityInvoker: false },
    },
  ];
}
