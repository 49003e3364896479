import type { Cell } from "../../model/cell.ts";
import { operationInfo } from "../../model/operations.ts";
import { shownColumns } from "./scene.ts";
import type { SnapshotRequest } from "./take-snapshot.ts";

/** What full sight must see for these cells of one relation. */
export function snapshotFor(cells: readonly Cell[], relation: Cell["relation"]): SnapshotRequest {
  const measured = cells.filter(({ operation }) => operation !== "insert" && operation !== "truncate");
  const lists = [relation.key, ...measured.map(shownColumns)].filter((columns) => columns.length > 0);
  const unique = new Map(lists.map((columns) => [JSON.stringify(columns), columns]));
  return {
    relation,
    // Cells of one column, or of none: they are asked about together.
    column: cells[0]?.column,
    expectations: measured.map(({ expectation }) => expectation),
    among: measured.flatMap(({ among }) => among ?? []),
    shapes: [...unique.values()],
    rows: measured.some(needsRows),
  };
}

/** A SELECT of no row or of every row is told by its count; writes may have to go row by row. */
function needsRows({ operation, expectation, relation, column }: Cell): boolean {
  if (operationInfo[operation].blind) return false;
  if (!operationInfo[operation].reads) return true;
  if (expectation.kind === "allow")
    return column !== undefined || relation.baseline.oid !== relation.info.oid;
  return expectation.kind === "rows" || expectation.kind === "within";
}
