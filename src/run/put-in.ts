import { restsOnRows, isShownByProbe } from "../judge/seeded.ts";
import { judge } from "../judge/verdict.ts";
import { inTurn } from "../lib/grouped.ts";
import { formatQualified, type QualifiedName } from "../lib/sql-text.ts";
import type { RelationInfo } from "../model/catalog.ts";
import type { Cell } from "../model/cell.ts";
import type { ChannelAnswer } from "../model/channel.ts";
import type { RowsObservation } from "../model/observation.ts";
import type { SeededRow } from "../model/proof.ts";
import { blockedBy } from "../plan/side-effects.ts";
import type { CallOf } from "../prove/other-rows.ts";
import type { ProofPersona, Prover } from "../prove/prover.ts";
import type { RowToPutIn } from "../prove/put-in.ts";
import type { OpenRun } from "./3-open.ts";

/** The cell's own probe, sent again with rows that the data lacks. */
export interface ShownByProbe {
  readonly answer: ChannelAnswer;
  readonly before: RowsObservation;
  readonly after: RowsObservation;
  readonly rows: readonly SeededRow[];
}

/** Rows that are tried for one cell. */
const triedRows = 14;

/**
 * Of a vacuous cell: rows are put in with the privileged connection, the same probe is sent, and all of it is undone. `undefined`: no row
 * could be put in that shows it, and the cell stays what it is.
 */
export async function showByProbe(
  cell: Cell,
  seen: ChannelAnswer["observation"] | undefined,
  persona: ProofPersona,
  run: OpenRun,
): Promise<ShownByProbe | undefined> {
  const { prover, channels } = run;
  if (seen === undefined || prover === undefined) return undefined;
  const trust = { channel: "direct", ...channels.trust.direct } as const;
  const judged = judge(cell, seen, trust);
  const rests = restsOnRows(cell, judged, seen);
  if (!rests && !isShownByProbe(cell, judged, seen)) return undefined;
  const asked = async (rows: readonly Tried[]): Promise<ShownByProbe | undefined> => {
    const setups = rows.map(({ row }) => row.setup);
    const [answer] = await channels.spare((direct) => direct.under(setups).probe([cell]));
    const after = answer?.observation;
    if (answer === undefined || after?.kind !== "rows") return undefined;
    // What the privileged connection does not see there is none of the cell's rows.
    const isChange = rows.every(({ row }) => row.changes === true);
    const shown =
      rests && (isChange || (rows.every(({ row }) => row.alone === true) && after.affected > seen.affected));
    if (!shown && after.baseline.total <= seen.baseline.total) return undefined;
    return { answer, before: seen, after, rows: rows.map((one) => seededRow(one, seen, after, answer)) };
  };
  const verdictOf = ({ after }: ShownByProbe): string => judge(cell, after, trust).verdict;
  let passing: ShownByProbe | undefined;
  const sides: { readonly inside: Tried[]; readonly outside: Tried[] } = { inside: [], outside: [] };
  // Of a view or a call that passes only rows that it would show are of interest.
  const tried = rests ? await behind(cell, persona, prover) : await rowsFor(cell, persona, prover, run);
  // A row that passes does not end it: another may be one that the policies, a view or a function let through.
  for (const row of tried) {
    const shown = await asked([{ row, inside: undefined }]);
    if (shown === undefined) continue;
    if (verdictOf(shown) === "leak") return shown;
    if (verdictOf(shown) === "pass") passing ??= shown;
    const inside = shown.after.baseline.declared > seen.baseline.declared;
    sides[inside ? "inside" : "outside"].push({ row, inside });
  }
  if (rests) return undefined;
  if (passing !== undefined) return passing;
  for (const inside of sides.inside.slice(0, 2))
    for (const outside of sides.outside.slice(0, 2)) {
      const shown = await asked([inside, outside]);
      if (shown !== undefined && ["pass", "leak"].includes(verdictOf(shown))) return shown;
    }
  return undefined;
}

/** Rows to put in, then rows to change, behind a view or a call. */
async function behind(cell: Cell, persona: ProofPersona, prover: Prover): Promise<readonly RowToPutIn[]> {
  const { relation, expectation } = cell;
  const call = callOf(cell);
  const put = await prover.rowsBehind(persona, relation[call === undefined ? "info" : "baseline"], call);
  if (expectation.kind !== "rows" && expectation.kind !== "within") return put.slice(0, triedRows);
  const shown = call === undefined ? { view: relation.info } : { call };
  const changed = await prover.changesBehind(persona, relation.baseline, expectation.predicate, shown);
  return [...put.slice(0, triedRows), ...changed];
}

function callOf({ call }: Cell): CallOf | undefined {
  if (call === undefined) return undefined;
  const { routine, values } = call;
  const given = routine.arguments.map(({ name }, index) => values[name === "" ? `$${index + 1}` : name]);
  return { ...routine, values: given.filter((one) => one !== undefined) };
}

interface Tried {
  readonly row: RowToPutIn;
  /** `undefined`: the probe with it alone tells. */
  readonly inside: boolean | undefined;
}

function seededRow(
  { row, inside = undefined }: Tried,
  before: RowsObservation,
  after: RowsObservation,
  { probe }: ChannelAnswer,
): SeededRow {
  const isInside = inside ?? after.baseline.declared > before.baseline.declared;
  const reached = inside ?? after.affected > before.affected;
  const { setup, witness, changes } = row;
  return {
    inside: isInside,
    reached,
    setup,
    statement: probe,
    witness,
    ...(changes === undefined ? {} : { changes }),
  };
}

async function rowsFor(
  cell: Cell,
  persona: ProofPersona,
  prover: Prover,
  { plan, request }: OpenRun,
): Promise<readonly RowToPutIn[]> {
  const { relation, expectation, among, column, operation, role } = cell;
  const declared =
    expectation.kind === "rows" || expectation.kind === "within" ? [expectation.predicate] : [];
  const lists = await Promise.all(
    tablesOf(relation.baseline === relation.info ? relation.info : relation.baseline, plan.catalog.relations)
      // Its triggers would write past the end of the transaction.
      .filter(({ schema, name }) => {
        const spec = plan.matrix.relations.find((one) => one.schema === schema && one.name === name);
        const asked = { schema, name, survives: spec?.survives };
        return blockedBy(asked, plan.sideEffects, request.target.posture) === undefined;
      })
      .map((table) =>
        prover.rowsToPutIn(persona, table, {
          role,
          command: operation === "update" || operation === "blind_update" ? "update" : "select",
          conditions: [...(among === undefined ? [] : [among]), ...declared],
          view: relation.info.kind === "view" ? relation.info : undefined,
          holding: column,
        }),
      ),
  );
  return inTurn(lists).slice(0, triedRows);
}

/** Tables whose rows a relation shows. */
function tablesOf(relation: RelationInfo, all: readonly RelationInfo[]): readonly QualifiedName[] {
  if (relation.kind !== "view") return [relation];
  return relation.reads.flatMap((name) => {
    const read = all.find((one) => formatQualified(one) === formatQualified(name));
    return read === undefined ? [name] : tablesOf(read, all);
  });
}
