import type { Cell } from "../../model/cell.ts";
import type { Operation } from "../../model/matrix.ts";
import { raisedByPolicies } from "../../model/raised.ts";
import { quoteQualified } from "../../lib/sql-text.ts";
import { comparedColumns } from "../what-to-compare.ts";
import { deletesByTrigger, mayBeSuppressed, privilegesOf, readColumn } from "../what-to-write.ts";
import { selectSql } from "./compared.ts";
import { changedSql, controlSql, remainingCountSql, remainingSql, rowListSql } from "./privileged.ts";
import type { BatchRequest } from "./protocol.ts";
import { readingWhere } from "./statements.ts";
import { blindUpdates, filteredUpdate, triedAtOnce } from "./updates.ts";
import { upsertHead, upsertShape, upsertSuffix } from "./upserts.ts";

/** What the server allows this login to do, besides the probes themselves. */
export interface Means {
  /** `session_replication_role` may be set: foreign keys and triggers can be put aside. */
  readonly replica: boolean;
  /** It is a superuser: it can take another login's place (SET SESSION AUTHORIZATION). */
  readonly logins: boolean;
}

type FirstRequest = (cell: Cell, means: Means) => BatchRequest;

/** The statement that opens each operation's probe: one, over all rows. */
export const firstRequest: Record<Exclude<Operation, "insert">, FirstRequest> = {
  select(cell) {
    const columns = comparedColumns(cell, privilegesOf(cell).select);
    return { kind: "read", control: controlSql(cell, columns), statements: [selectSql(cell, columns)] };
  },
  update(cell, means) {
    return updateRequest(cell, means, [filteredUpdate(cell)]);
  },
  blind_update(cell, means) {
    return updateRequest(cell, means, blindUpdates(cell).slice(0, triedAtOnce));
  },
  delete(cell, means) {
    return deleteRequest(cell, means, readingWhere(readColumn(cell)));
  },
  blind_delete(cell, means) {
    return deleteRequest(cell, means, "");
  },
  upsert(cell) {
    const { info } = cell.relation;
    const shape = upsertShape(cell);
    return {
      kind: "rows",
      control: controlSql(cell, []),
      statements: [upsertHead(info, shape)],
      list: rowListSql(cell, upsertSuffix(info, shape)),
      raises: raisesOf(cell),
    };
  },
  execute(cell) {
    return { ...firstRequest.select(cell, { replica: false, logins: false }), kind: "call" };
  },
  truncate(cell) {
    return { kind: "write", statements: [`truncate ${quoteQualified(cell.relation.info)}`] };
  },
};

/** `undefined`: none, so that the batch is no longer for it. */
export function raisesOf(cell: Cell): readonly string[] | undefined {
  const raises = raisedByPolicies(cell);
  return raises.length > 0 ? raises : undefined;
}

function updateRequest(cell: Cell, means: Means, statements: readonly string[]): BatchRequest {
  const { base } = cell.relation;
  const columns = writeKey(cell, Object.keys(cell.update?.set ?? {}));
  return {
    kind: "write",
    control: controlSql(cell, columns),
    statements,
    after: base !== undefined && comparesRows(cell) ? [changedSql(base, columns)] : undefined,
    guard: guard(cell, "update", means),
  };
}

function deleteRequest(cell: Cell, means: Means, where: string): BatchRequest {
  const columns = writeKey(cell, []);
  return {
    kind: "write",
    control: controlSql(cell, columns),
    statements: [`delete from ${quoteQualified(cell.relation.info)} ${where}`.trimEnd()],
    after: deletesByTrigger(cell)
      ? [remainingCountSql(cell.relation.baseline, columns)]
      : comparesRows(cell)
        ? [remainingSql(cell.relation.baseline, columns)]
        : undefined,
    guard: guard(cell, "delete", means),
  };
}

/** 0 of n and n of n need no hash. */
function comparesRows(cell: Cell): boolean {
  return cell.expectation.kind === "rows" || cell.expectation.kind === "within";
}

function writeKey(cell: Cell, changed: readonly string[]): readonly string[] {
  const { key, base, info } = cell.relation;
  const names = new Set((base ?? info).columns.map((column) => column.name));
  if (key.length > 0 && key.every((name) => names.has(name))) return key;
  return [...names].filter((name) => !changed.includes(name));
}

function guard(cell: Cell, event: "update" | "delete", means: Means): 1 | 2 | undefined {
  if (!means.replica) return undefined;
  return mayBeSuppressed(cell, event) ? 2 : 1;
}
