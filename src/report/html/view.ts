import { factsOf, findingMessages } from "../../messages/findings.ts";
import type { Catalog, RelationInfo } from "../../model/catalog.ts";
import { policySql } from "../../model/catalog.ts";
import { channels } from "../../model/cell.ts";
import { operations } from "../../model/matrix.ts";
import type { CellRecord, RunRecord } from "../../model/run.ts";
import { evidenceInfo, evidences, verdictInfo, verdicts } from "../../model/verdict.ts";
import type { ArchivedRun } from "../archived-run.ts";
import { runEnding } from "../ending.ts";
import { createFailures, type FailureGroup, type Failures } from "../failures.ts";
import { groupTitle, unionOf, waiverTexts } from "../failure-text.ts";
import { type FindingGroup, findingGroups, severityTones } from "../findings-text.ts";
import { rowFacts } from "../happened.ts";
import { places } from "../map.ts";
import { clean, oneLine, plural } from "../text.ts";
import { countSkips, totalFacts } from "../totals.ts";
import {
  causeText,
  countHeads,
  declared,
  failureOrder,
  isFailing,
  operationHeads,
  position,
  verdictWords,
} from "../words.ts";
import { type CellEncoder, createCellEncoder } from "./cells.ts";
import { createAgainst } from "./against.ts";
import type { FindingView, GroupView, PageData, PersonaView, RelationView, VerdictView } from "./data.ts";
import { isWaived } from "../../model/waived.ts";

/** Personas of a group that are listed; the others are among the cells. */
const listed = 50;

/** Everything that the page shows, in words. Memory: a few numbers a cell, and each text once. */
export async function pageData(archive: ArchivedRun, against: ArchivedRun | undefined): Promise<PageData> {
  const { run } = archive;
  const cells = createCellEncoder(run);
  const failed = createFailures(run, listed);
  const skips = new Map<string, number>();
  const placeOf = new WeakMap<CellRecord, number>();
  const compared = createAgainst(cells);
  for await (const cell of against?.cells() ?? []) compared.before(cell);
  for await (const cell of archive.cells()) {
    const place = cells.add(cell);
    if (against !== undefined) compared.now(cell, place);
    countSkips(cell, skips);
    if (isFailing(cell.verdict) && !isWaived(cell)) {
      placeOf.set(cell, place);
      failed.add(cell, cell.verdict);
    }
  }
  const groups = failed.groups().map((group) => groupView(group, cells, placeOf));
  const { word, tone, title, facts } = runEnding(run, archive.doubt());
  const { personas, relations, ...encoded } = cells.encoded();
  const catalog = await archive.catalog?.();
  return {
    title,
    word,
    tone,
    facts: facts.map(oneLine),
    doubt: oneLine(archive.doubt() ?? ""),
    id: clean(run.id),
    finishedAt: clean(run.finishedAt),
    totals: totalFacts(run, skips, archive.path, true),
    rowgate: clean(run.rowgate),
    channels,
    verdicts: verdicts.map((one) => verdictView(one, run)),
    failureOrder: failureOrder.map((one) => verdicts.indexOf(one)),
    evidences: evidences.map((one) => ({
      name: one,
      ...evidenceInfo[one],
      cells: run.counts.byEvidence?.[one] ?? 0,
    })),
    operationNames: operations,
    operations: operations.map((one) => operationHeads[one]),
    slots: [...places, { letter: "x", operations: ["execute"] as const }].map(
      ({ letter, operations: own }) => ({
        letter,
        name: own.map((one) => operationHeads[one]).join(", "),
        operations: own.map((one) => operations.indexOf(one)),
      }),
    ),
    personas: personas.map((name) => personaView(name, run)),
    relations: relations.map((name) => relationView(name, catalog)),
    ...encoded,
    groups,
    left: leftTexts(failed),
    findings: findingGroups(run.findings).map(findingView),
    waivedRelations: waivedRelations(run),
    against: against === undefined ? null : await compared.view(against, archive),
  };
}

function verdictView(verdict: (typeof verdicts)[number], { counts }: RunRecord): VerdictView {
  const { head, letter, tone } = verdictWords[verdict];
  return {
    name: verdict,
    head,
    letter,
    tone,
    failing: isFailing(verdict),
    means: verdictInfo[verdict].means,
    cells: counts.byVerdict[verdict],
    waived: counts.waivedByVerdict[verdict],
  };
}

function personaView(name: string, { personas }: RunRecord): PersonaView {
  const persona = personas.find((one) => one.name === name);
  return {
    name: clean(name),
    role: clean(persona?.role ?? ""),
    claims: persona?.claims === undefined ? "" : clean(JSON.stringify(persona.claims)),
  };
}

function relationView(name: string, catalog: Catalog | undefined): RelationView {
  const info = catalog?.relations.find((one) => `${one.schema}.${one.name}` === name);
  return { name: clean(name), inForce: info === undefined ? [] : inForceText(info) };
}

/** What decides about a relation, for every persona. */
function inForceText(info: RelationInfo): readonly string[] {
  const rls = info.rls
    ? `row level security is on${info.forceRls ? " and forced" : ""}`
    : "row level security is off";
  return [
    `${info.kind} of owner ${info.owner}${info.kind === "view" ? "" : `; ${rls}`}${info.securityInvoker ? "; security_invoker" : ""}`,
    ...(info.acl.length === 0 ? [] : [`grants: ${info.acl.join(", ")}`]),
    ...info.policies.map(policySql),
  ].map(oneLine);
}

function groupView(group: FailureGroup, cells: CellEncoder, placeOf: WeakMap<CellRecord, number>): GroupView {
  const [first] = group.shown;
  if (first === undefined) throw new Error("a group of failures without a cell");
  const rows = group.shown.flatMap((cell) =>
    rowFacts(cell).map((facts) => ({
      cell: placeOf.get(cell) ?? -1,
      persona: cells.personaOf(cell.persona),
      column: clean(cell.column ?? ""),
      declared: declared(cell),
      at: position(cell.at),
      ...facts,
    })),
  );
  const reasons = new Set(rows.map(({ because }) => because));
  const [because = ""] = reasons.size === 1 ? reasons : [];
  return {
    verdict: verdicts.indexOf(group.verdict),
    ...groupTitle(group, first),
    relation: cells.relationOf(`${first.schema}.${first.relation}`),
    cause: first.cause === undefined ? "" : causeText(first.cause),
    because,
    inForce: unionOf(group.shown.map(({ inForce }) => inForce.map(oneLine))),
    waivers: waiverTexts(group.shown),
    countHead: countHeads[first.operation],
    beyondHead: group.verdict === "leak" ? "too many" : "missing",
    cells: group.cells,
    rows: reasons.size === 1 ? rows.map((row) => ({ ...row, because: "" })) : rows,
  };
}

function leftTexts(failures: Failures): readonly string[] {
  return [...failures.left()].map(([verdict, count]) => {
    const { one, many } = verdictWords[verdict];
    return `${plural(count, one, many)} elsewhere`;
  });
}

function findingView({ kind, severity, found }: FindingGroup): FindingView {
  const { title, todo } = findingMessages[kind];
  const facts = found.map((finding) => clean(factsOf(finding)));
  return { kind, severity, tone: severityTones[severity], title, todo, facts };
}

function waivedRelations({ waivedRelations: waived = [] }: RunRecord): readonly string[] {
  return waived.map(
    ({ relation, expires, reason, at }) =>
      `${clean(relation)}, until ${clean(expires)}: ${oneLine(reason)} (${position(at)})`,
  );
}
