import { factsOf, findingMessages } from "../../messages/findings.ts";
import { type Catalog, policySql, type RelationInfo } from "../../model/catalog.ts";
import { channels } from "../../model/cell.ts";
import { operations } from "../../model/matrix.ts";
import type { CellRecord, RunRecord } from "../../model/run.ts";
import { evidenceInfo, evidences, verdictInfo, verdicts } from "../../model/verdict.ts";
import type { ArchivedRun } from "../archived-run.ts";
import { runEnding, who } from "../ending.ts";
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
import type {
  AgainstView,
  ChangeKindView,
  FindingView,
  GroupView,
  PageData,
  PersonaView,
  Place,
  RelationView,
  VerdictView,
} from "./data.ts";
import { isWaived } from "../../model/waived.ts";
import { type CellChange, CellComparison } from "../../diff/cells.ts";
import { isUndeclared, newLeaks } from "../../diff/diff.ts";
import { ruleChanges } from "../../diff/rules.ts";
import { gainText, reachText } from "../../diff/text.ts";

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

/** A kind of change, and which cells are of it: each is of the first that fits. */
interface Kind extends ChangeKindView {
  readonly fits: (change: Change) => boolean;
}
interface Change extends CellChange {
  readonly cell: CellRecord;
  /** A channel came back with something else. */
  readonly others: boolean;
}

const failed = ({ before }: Change): boolean => before !== undefined && isFailing(before);
const kinds: readonly Kind[] = [
  {
    name: "gained access that no change of the matrix declares",
    bad: true,
    fits: ({ gained }) => gained !== undefined && isUndeclared(gained),
  },
  {
    name: "now failing",
    bad: true,
    fits: (one) => one.before !== undefined && !failed(one) && isFailing(one.cell.verdict),
  },
  { name: "new cells", bad: false, fits: ({ before }) => before === undefined },
  { name: "gained access, as declared", bad: false, fits: ({ gained }) => gained !== undefined },
  { name: "lost access", bad: false, fits: ({ lost }) => lost !== undefined },
  { name: "not known any more", bad: true, fits: ({ known }) => known === "before only" },
  { name: "no longer failing", bad: false, fits: (one) => failed(one) && !isFailing(one.cell.verdict) },
  { name: "other verdict", bad: false, fits: ({ before, cell }) => before !== cell.verdict },
  { name: "same verdict, other answers", bad: false, fits: ({ others }) => others },
];

/** Lays another run's cells beside this one's, by their ids; `rowgate diff` compares them in the same way. */
function createAgainst(cells: CellEncoder): {
  readonly before: (cell: CellRecord) => void;
  readonly now: (cell: CellRecord, place: Place) => void;
  readonly view: (run: ArchivedRun, now: ArchivedRun) => Promise<AgainstView>;
} {
  const comparison = new CellComparison();
  const given = new Map<string, readonly Place[]>();
  const verdict: Place[] = [];
  const answers: Place[][] = channels.map(() => []);
  const kind: Place[] = [];
  const access: Record<number, string> = {};
  const answersOf = (cell: CellRecord): readonly Place[] =>
    channels.map((channel) => {
      const record = cell.channels[channel];
      return record === undefined ? -1 : cells.answer(record, cell.column);
    });
  return {
    before: (cell) => {
      comparison.addEarlier(cell);
      given.set(cell.id, answersOf(cell));
    },
    now: (cell, place) => {
      const change = comparison.compare(cell);
      const earlier = given.get(cell.id) ?? [];
      const others = answersOf(cell).some(
        (now, index) => cells.what(now) !== cells.what(earlier[index] ?? -1),
      );
      verdict[place] = change.before === undefined ? -1 : verdicts.indexOf(change.before);
      answers.forEach((column, index) => (column[place] = earlier[index] ?? -1));
      kind[place] = kinds.findIndex(({ fits }) => fits({ ...change, cell, others }));
      if (kind[place] === -1) return;
      const text = accessText(change);
      if (text !== "") access[place] = oneLine(text);
    },
    view: async ({ run, catalog }, now) => {
      const [was, is] = [await catalog?.(), await now.catalog?.()];
      return {
        title: oneLine(`${run.matrix.name} on ${who(run)}`),
        id: clean(run.id),
        finishedAt: clean(run.finishedAt),
        verdict,
        answers,
        kinds: kinds.map(({ name, bad }) => ({ name, bad })),
        kind,
        access,
        gone: comparison.left.map((one) => ({ name: clean(one.id), verdict: verdicts.indexOf(one.verdict) })),
        leaks: newLeaks(run, now.run).map(oneLine),
        rules: was === undefined || is === undefined ? [] : ruleChanges(was, is).map(oneLine),
      };
    },
  };
}

function accessText({ gained, lost }: CellChange): string {
  const gain = gained === undefined ? [] : [`${reachText(gained)}${gainText(gained)}`];
  return [...gain, ...(lost === undefined ? [] : [reachText(lost)])].join("; ");
}
