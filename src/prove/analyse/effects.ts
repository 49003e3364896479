import { perObject } from "../../lib/recent.ts";
import type { ProofRelation, ProofTrigger, Schema } from "./schema.ts";
import { calledIn, type Effect, type Unread, writesOf, writesOfRule, type Writing } from "./writes.ts";

/**
 * What a statement does to its own relation besides, directly or by way of others.
 * @param columns that an UPDATE may set
 * @param nothing the statement meets no row, so that only triggers of the statement are fired
 */
export function effectsOnItself(
  schema: Schema,
  relation: ProofRelation,
  command: Writing,
  columns: readonly string[],
  nothing: boolean,
): readonly Effect[] {
  const known = memos(schema);
  const key = JSON.stringify([relation.schema, relation.name, command, columns, nothing]);
  const found = known.get(key) ?? effects(schema, relation, command, columns, nothing);
  known.set(key, found);
  return found;
}

/** The same for every persona of a role. */
const memos = perObject<Schema, Map<string, readonly Effect[]>>(() => new Map());

function effects(
  schema: Schema,
  relation: ProofRelation,
  command: Writing,
  columns: readonly string[],
  nothing: boolean,
): readonly Effect[] {
  const none = { columns, same: false, elevated: false, shared: [], by: "" };
  // A row that an UPDATE moves to another partition is deleted from the one and inserted into the other.
  const moves = command === "update" && relation.kind === "partitioned" && !nothing;
  const moved = (moves ? (["delete", "insert"] as const) : []).flatMap((one) =>
    nextEffects(schema, { ...none, on: relation, command: one }, isOf("row"), false),
  );
  const all = [
    ...nextEffects(
      schema,
      { ...none, on: relation, command },
      nothing ? isOf("statement") : () => true,
      !nothing,
    ),
    ...moved,
  ];
  const seen = new Set<string>();
  for (const one of all) {
    const key = JSON.stringify([one.on.schema, one.on.name, one.command, one.columns, one.elevated]);
    if (seen.has(key)) continue;
    seen.add(key);
    const further = nextEffects(schema, one, () => true, true);
    all.push(
      ...further.map((next) => ({
        ...next,
        by: one.by,
        same: one.same && next.same,
        shared: next.shared.filter((name) => one.shared.includes(name)),
        elevated: one.elevated || next.elevated,
      })),
    );
  }
  return all.filter(({ on }) => on === relation);
}

function isOf(level: ProofTrigger["level"]): (trigger: ProofTrigger) => boolean {
  return (one) => one.level === level;
}

export function nextEffects(
  schema: Schema,
  { on, command, columns }: Effect,
  isFired: (trigger: ProofTrigger) => boolean,
  byKeys: boolean,
  unread: Unread = { on: [on], isSaid: true },
): readonly Effect[] {
  const fired = on.triggers.filter((one) => one.events.includes(command) && isFired(one));
  const byRules = on.rules
    .filter(({ event }) => event === command)
    .flatMap(({ name, definition }) =>
      writesOfRule(definition, schema).map((write) => ({ ...write, same: false, by: `the rule ${name}` })),
    );
  const byTriggers = fired.flatMap((trigger): readonly Effect[] =>
    schema
      .namesakes(trigger.function.name)
      .filter((fn) => fn.schema === trigger.function.schema)
      .flatMap((fn) => writesOf(fn, schema, unread))
      .map((write) => ({
        ...write,
        same: write.same && write.on === on && trigger.level === "row",
        by: `the trigger ${trigger.name}`,
      })),
  );
  const said = [...byRules, ...byTriggers, ...byExpressions(schema, on, command, unread)];
  return byKeys ? [...said, ...byForeignKeys(schema, on, command, columns)] : said;
}

const byNoName = "an operator, a cast, a domain or an aggregate";

/** Functions of constraints, defaults, policies and rules, and of columns' domains, are called for each row. */
function byExpressions(
  schema: Schema,
  on: ProofRelation,
  command: Writing,
  unread: Unread,
): readonly Effect[] {
  const texts = [
    ...on.checks.map((text) => ["a CHECK constraint", text] as const),
    ...on.columns.map(({ name, expression }) => [`the default of ${name}`, expression ?? ""] as const),
    ...on.policies.map(({ name, using, check }) => [`the policy ${name}`, `${using} ${check}`] as const),
    ...on.rules
      .filter(({ event }) => event === command)
      .map(({ name, definition }) => [`the rule ${name}`, definition] as const),
  ];
  const isPlain = on.checks.length + on.rules.length === 0 && !on.columns.some(({ domain }) => domain);
  return [...texts, ...(isPlain ? [] : [[byNoName, undefined] as const])].flatMap(([by, text]) => {
    const called = text === undefined ? schema.unnamed : calledIn(text, schema);
    return called.flatMap((fn) => writesOf(fn, schema, unread)).map((one) => ({ ...one, same: false, by }));
  });
}

const actions: Readonly<Record<string, "cascade" | "set">> = { c: "cascade", n: "set", d: "set" };

function byForeignKeys(
  schema: Schema,
  to: ProofRelation,
  command: Writing,
  columns: readonly string[] | undefined,
): readonly Effect[] {
  if (command === "insert") return [];
  const referred = schema.kin(to);
  return [...schema.relations].flatMap((has) =>
    has.foreignKeys.flatMap((key): readonly Effect[] => {
      const action = actions[command === "delete" ? key.onDelete : key.onUpdate];
      const isMet =
        command === "delete" || columns === undefined || key.referenced.some((one) => columns.includes(one));
      const refers = referred.some(({ schema: of, name }) => key.to.schema === of && key.to.name === name);
      if (!refers || action === undefined || !isMet) return [];
      const deletes = command === "delete" && action === "cascade";
      return schema.kin(has).map((on) => ({
        on,
        command: deletes ? "delete" : "update",
        columns: key.columns,
        same: false,
        elevated: true,
        shared: key.columns.filter((name, index) => name === key.referenced[index]),
        by: `ON ${command.toUpperCase()} ${action === "cascade" ? "CASCADE" : "SET"} of (${key.columns.join(", ")})`,
      }));
    }),
  );
}
