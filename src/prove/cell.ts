import { always } from "./analyse/policy.ts";
import type { ProofAnswer as Answer } from "../model/proof.ts";
import { type Asked, conditionFor, declaredCondition, isTriggered } from "./asked.ts";
import type { Context } from "./context.ts";
import { contrast } from "./contrast.ts";
import { oldSide } from "./old-side.ts";
import { byConstraints, finish, settledByRelaxation, type Showers, shownHits } from "./outcome.ts";
import { outsidePolicies, type ProofCell } from "./proof-cell.ts";
import { showInsert, showRefusedInsert } from "./show/insert.ts";
import { update, upsert } from "./update.ts";

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

async function insertion(asked: Asked): Promise<Answer> {
  const { cell, held, context: base } = asked;
  const { check } = cell;
  const deny = cell.declared.kind === "deny";
  if (check === undefined && !deny)
    return { kind: "not-asked", because: "the matrix declares no check: for the new row" };
  const applying = conditionFor(asked, "insert", "new", false);
  if (applying === undefined && deny) return { kind: "no-policy" };
  const policy = applying ?? always(false);
  const declared =
    check === undefined || deny ? always(false) : base.knowledge.declared(base.space.relation, check);
  const context = { ...base, space: { ...base.space, fixed: await defaultsOf(asked) } };
  const settled = await settledByRelaxation(context, policy, deny);
  if (settled !== undefined) return settled;
  const found = await contrast(context, policy, declared, !deny);
  const showing = { space: context.space, as: context.as, policy, declared };
  const showers: Showers = {
    more: (rows) => showInsert(showing, rows, held.insert),
    less: (rows) => showRefusedInsert(showing, rows, held.insert),
  };
  const shown = await shownHits(context, policy, found, showers, "new");
  if (shown?.kind === "constraint-only")
    return (await byConstraints(context, policy, declared, !deny, deny, "alone")) ?? shown;
  return shown ?? finish(context, policy, declared, await found.close(), found, !deny, deny);
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
    const again = await session.run([
      { as: context.as, sql: `select (${column.expression})::${column.type}::text`, rows: true },
    ]);
    const [value, second] = [told, again[0]].map((one) =>
      one !== undefined && "value" in one ? one.value : undefined,
    );
    // A default that is another one each time stands for no value.
    if (value !== undefined && value === second) fixed.set(column.name, value);
  }
  return fixed;
}

async function oldRows(asked: Asked, command: "select" | "delete", blind: boolean): Promise<Answer> {
  const { cell, context } = asked;
  const policy = conditionFor(asked, command, "old", !blind);
  const deny = cell.declared.kind === "deny";
  if (policy === undefined && deny) return { kind: "no-policy" };
  const declared = declaredCondition(asked, cell.declared);
  const both = command === "select" && (cell.declared.kind === "allow" || cell.declared.kind === "rows");
  return oldSide(asked, policy ?? always(false), declared, { command, blind, both, newRows: [], context });
}
