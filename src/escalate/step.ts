import { bypassOf, type RoleInfo, type RoutineInfo } from "../model/catalog.ts";
import { isFor } from "../model/operations.ts";
import type { Value } from "./values.ts";
import type { Actor, Row, Subject, World } from "./world.ts";

/** Something that a persona may send, and may gain by. */
export interface Step {
  readonly actor: Actor;
  readonly kind: "insert" | "update" | "delete" | "call" | "sign-up" | "metadata";
  /** What it is sent to. */
  readonly subject: Subject | undefined;
  readonly routine: RoutineInfo | undefined;
  /** Columns, or arguments, whose values were chosen. */
  readonly columns: readonly string[];
  readonly values: readonly (string | null)[];
  readonly sql: string;
  /** As the matrix declares it to go through: by the name of the candidate or call. */
  readonly declared: string | undefined;
  /** An insert's candidate, or a call, that the matrix declares to go through, with other values in `columns`. */
  readonly like: string | undefined;
  /** The row that is changed or deleted. */
  readonly row: Row | undefined;
  /** Without WHERE. */
  readonly blind: boolean;
  /** Lower ones are tried first. */
  readonly rank: number;
}

/** Lower ones are tried first. */
export const ranks = {
  declared: 0,
  invites: 0.5,
  row: 1,
  insert: 1,
  call: 1,
  blind: 2,
  together: 2,
  less: 3,
  pairs: 4,
} as const;
/** An identity, or a literal of a policy. */
export const strong = (value: Value): boolean => value.class !== "other" && value.class !== "row";

/** What is written: column, or argument, → value. */
export type Written = Readonly<Record<string, string | null>>;

/** A step to begin from, with nothing chosen yet. */
export function stepOf(
  actor: Actor,
  kind: Step["kind"],
  subject: Subject | undefined,
  columns: readonly string[],
  values: readonly (string | null)[],
): Omit<Step, "sql" | "rank"> {
  return {
    actor,
    kind,
    subject,
    routine: undefined,
    columns,
    values,
    declared: undefined,
    like: undefined,
    row: undefined,
    blind: false,
  };
}

/** What a rollback would not undo is not sent. */
export function isLeftOut(
  { sideEffects }: World,
  of: { readonly schema: string; readonly name: string },
  isRoutine: boolean,
): boolean {
  return sideEffects.some(
    (one) => one.schema === of.schema && one.name === of.name && one.isRoutine === isRoutine,
  );
}

/** No policy permits it to the role: each new row is refused, and no row is updated. A trigger or a rule may come before that, and write elsewhere. */
export function isClosed({ info }: Subject, role: RoleInfo, operation: "insert" | "update"): boolean {
  const { kind, rls, rules, triggers, policies } = info;
  const isTable = kind === "table" || kind === "partitioned";
  if (!isTable || !rls || rules.length > 0 || bypassOf(role, info) !== undefined) return false;
  const runsBefore = triggers.some(
    ({ timing, level, events }) =>
      events.includes(operation) && (timing === "before" || level === "statement"),
  );
  return (
    !runsBefore &&
    !policies.some(
      ({ permissive, command, roles }) =>
        permissive && (command === operation || command === "all") && isFor(roles, role),
    )
  );
}

/** What a step leaves besides rows is not known: what was measured after another says nothing of it. */
export function changesSettings({ subject, routine, kind }: Step, { dependencies }: World): boolean {
  const writer =
    routine !== undefined
      ? ({ kind: "function", oid: routine.oid } as const)
      : subject !== undefined && (kind === "insert" || kind === "update" || kind === "delete")
        ? ({ kind: "relation", oid: subject.info.oid, operation: kind } as const)
        : undefined;
  const closure = writer && dependencies.closureOf(writer);
  return closure === undefined || closure.setsSettings || closure.anything;
}

const pairsAtMost = 100;
const eachOfPair = 5;

/** Two columns, or arguments, with other values at once. */
export function pairsOf(
  pools: readonly { readonly name: string; readonly pool: readonly Value[] }[],
): readonly Written[] {
  return pools
    .flatMap((a, place) => pools.slice(place + 1).map((b) => [a, b] as const))
    .flatMap(([a, b]) =>
      a.pool
        .slice(0, eachOfPair)
        .flatMap((x) => b.pool.slice(0, eachOfPair).map((y) => ({ [a.name]: x.text, [b.name]: y.text }))),
    )
    .slice(0, pairsAtMost);
}
