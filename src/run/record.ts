import { isCode } from "../model/answers.ts";
import { operationInfo } from "../model/operations.ts";
import type { Cell, Channel } from "../model/cell.ts";
import type { ChannelAnswer, Identity } from "../model/channel.ts";
import type { ArgumentFault } from "../model/argument-fault.ts";
import type { Observation } from "../model/observation.ts";
import type { CellRecord, ChannelRecord } from "../model/run.ts";
import { withArgumentFault } from "../judge/argument-fault.ts";
import { withProof, withRaise } from "../judge/proof.ts";
import { differsThroughGateway, type GatewaySessions } from "../judge/same-policies.ts";
import { insertWithSeeded, seenWithMore, seenWithSeeded, withSeededReason } from "../judge/seeded.ts";
import { type ChannelTrust, judge } from "../judge/verdict.ts";
import { type Judged, mergeVerdicts } from "../judge/merge.ts";
import { byHand, type CurlContext, type SentProbes } from "../judge/reproduce.ts";
import { quoteQualified } from "../lib/sql-text.ts";
import { jsonBody } from "../probe/http/json-text.ts";
import type { TextRow } from "../probe/what-to-write.ts";
import { acceptedMove, leakingCandidate } from "../probe/sql/cause-rows.ts";
import { assignments, insertSql } from "../probe/sql/statements.ts";
import { seenWithDirect } from "../judge/seen-with-direct.ts";
import { inForce } from "../judge/in-force.ts";
import { errorCode } from "../model/waived.ts";
import { dayOf } from "../lib/moment.ts";
import type { OpenRun } from "./3-open.ts";
import type { ProvedCell } from "./5-prove.ts";

export interface RecordContext extends CurlContext {
  readonly matrix: string;
  readonly identities: ReadonlyMap<string, Identity>;
  readonly trust: Readonly<Record<Channel, Omit<ChannelTrust, "channel">>>;
  /** `YYYY-MM-DD`: waivers that end before it no longer hold. */
  readonly today: string;
  /** `undefined`: there is no gateway. */
  readonly gateway: GatewaySessions | undefined;
}

function gatewaySessions({ request, channels, plan }: OpenRun): GatewaySessions | undefined {
  const { rest } = request.target;
  return (
    rest && {
      kind: rest.gateway.kind,
      anonRole: plan.gatewaySettings?.anonRole ?? rest.anonRole,
      identityShown: channels.trust.rest.identityShown,
      tokensChecked: channels.gatewayChecks?.tamperedTokenRefused === true,
      asksWhoLoggedIn: plan.asksWhoLoggedIn,
    }
  );
}

export function recordContext(run: OpenRun): RecordContext {
  const { request, identities, channels } = run;
  const { matrix, target, startedAt } = request;
  return {
    matrix: matrix.name,
    matrixFile: matrix.file,
    target,
    identities,
    trust: channels.trust,
    undoes: channels.gatewayChecks?.rollbackHonoured === true,
    gateway: gatewaySessions(run),
    today: dayOf(startedAt),
  };
}

/** A cell with all that was found of it. */
export interface RecordedCell extends ProvedCell {
  /** What its function gave its persona for other arguments. */
  readonly fault?: ArgumentFault | undefined;
}

/** What the channels answered for a cell, judged and made ready for the archive. */
export function recordCell(
  { cell, answers, proof, seeded, again, fault }: RecordedCell,
  context: RecordContext,
): CellRecord {
  const judged: Partial<Record<Channel, Judged>> = {};
  const channels: Partial<Record<Channel, ChannelRecord>> = {};
  const notOn: Partial<Record<Channel, string>> = { ...cell.notOn };
  for (const channel of cell.channels) {
    const answer = channel === "direct" ? (again?.answer ?? answers[channel]) : answers[channel];
    if (answer === undefined) continue;
    if (isSafeUpdate(cell, answer.observation)) {
      notOn[channel] = "safeupdate refuses writes without a filter here";
      continue;
    }
    const { probe } = answer;
    const trust = { channel, ...context.trust[channel] };
    const differs = channel === "rest" ? differsThroughGateway(cell, context.gateway, proof) : undefined;
    const { observation, judgement: seen } = judgeWithRows(
      cell,
      seenWithDirect(answer.observation, answers.direct?.observation),
      trust,
      differs === undefined ? { seeded, again } : {},
      judged.direct?.judgement.verdict === "pass",
    );
    const judgement = withArgumentFault(
      withRaise(cell, observation, withProof(cell, seen, proof, differs)),
      channel === "direct" && cell.column === undefined ? fault : undefined,
    );
    judged[channel] = { judgement, observation };
    channels[channel] = { ...judgement, probe, observation, milliseconds: undefined };
  }
  const verdict = mergeVerdicts(cell.expectation, judged);
  const clean = verdict === "pass" || verdict === "skipped";
  const { info } = cell.relation;
  return {
    id: cell.id,
    matrix: context.matrix,
    persona: cell.persona.name,
    schema: info.schema,
    relation: cell.call?.called ?? info.name,
    operation: cell.operation,
    column: cell.column,
    everywhere: cell.column === undefined ? undefined : cell.everywhere,
    call: cell.call?.only === false ? cell.call.name : undefined,
    expectation: cell.expectation,
    check: cell.check,
    ...(seeded !== undefined && { seeded }),
    implied: cell.implied,
    at: cell.at,
    waiver: cell.waiver,
    observed: cell.observed,
    waived:
      !clean &&
      cell.waiver !== undefined &&
      cell.waiver.expires >= context.today &&
      (verdict !== "error" ||
        cell.waiver.error === undefined ||
        cell.waiver.error === errorCode({ operation: cell.operation, channels })),
    verdict,
    channels,
    notOn,
    reproduce: clean
      ? undefined
      : byHand(
          cell,
          context.identities.get(cell.persona.name),
          fault === undefined
            ? shownProbes(cell, answers, channels, context)
            : { direct: fault.sql, rest: undefined },
          context,
        ),
    inForce: clean ? [] : inForce(cell),
  };
}

/**
 * What was seen, judged; a vacuous cell with the rows that the data lacks put in.
 * @param shown on the direct channel the cell passes with them
 */
function judgeWithRows(
  cell: Cell,
  seen: Observation,
  trust: ChannelTrust,
  { seeded, again }: Pick<ProvedCell, "seeded" | "again">,
  shown: boolean,
): Judged {
  const judgement = judge(cell, seen, trust);
  const probed = { observation: seen, judgement };
  if (seeded === undefined) return probed;
  if (again !== undefined && trust.channel === "direct")
    return { ...probed, judgement: withSeededReason(judgement, seeded) };
  if (judgement.verdict !== "vacuous") return probed;
  if (again !== undefined) {
    if (!shown || seen.kind !== "rows") return probed;
    // Through a gateway whose sessions are the same, the rows that were put in would have added the same.
    const observation = seenWithMore(seen, again.before, again.after);
    return { observation, judgement: withSeededReason(judge(cell, observation, trust), seeded) };
  }
  if (seen.kind === "insert")
    return { ...probed, judgement: withSeededReason(insertWithSeeded(cell, judgement), seeded) };
  if (seen.kind !== "rows") return probed;
  return {
    ...probed,
    judgement: withSeededReason(judge(cell, seenWithSeeded(seen, seeded), trust), seeded),
  };
}

/** Of an INSERT, or a forbidden update, that leaked: the one that was let in, not the first that was sent. */
function shownProbes(
  cell: Cell,
  answers: Readonly<Partial<Record<Channel, ChannelAnswer>>>,
  records: Readonly<Partial<Record<Channel, ChannelRecord>>>,
  { undoes }: Pick<RecordContext, "undoes">,
): SentProbes {
  const sent = { direct: sentOn(answers.direct), rest: sentOn(answers.rest) };
  const [leaked] = Object.values(records).filter(({ verdict }) => verdict === "leak");
  if (leaked === undefined) return sent;
  const { observation } = leaked;
  const { info } = cell.relation;
  const candidate = leakingCandidate({ cell, observation });
  const move =
    observation.kind === "rows" && observation.unexpected === 0
      ? acceptedMove({ cell, observation })
      : undefined;
  const values = (candidate ?? move)?.values;
  if (values === undefined) return sent;
  const written = undoes ? values : { ...scratchKeyOf(cell, sent.rest), ...values };
  const { text = JSON.stringify(written) } = jsonBody(
    written,
    (name) => info.columns.find((column) => column.name === name)?.type,
  );
  return {
    direct:
      candidate === undefined
        ? `update ${quoteQualified(info)} set ${assignments(values)}`
        : insertSql(info, values),
    rest: sent.rest === undefined ? undefined : `${sent.rest.split(" ").slice(0, 2).join(" ")} ${text}`,
  };
}

/** Where the gateway commits: the key by which the inserted row can be removed again. */
function scratchKeyOf({ relation: { key } }: Cell, sent: string | undefined): TextRow {
  const body = /^\S+ \S+ (\{.*)$/s.exec(sent ?? "")?.[1];
  const values = body === undefined ? {} : (JSON.parse(body) as TextRow);
  return Object.fromEntries(key.flatMap((name) => (name in values ? [[name, values[name] ?? null]] : [])));
}

/** A write that a channel did not send, because it would stay, is not offered for reproducing either. */
function sentOn(answer: ChannelAnswer | undefined): ChannelAnswer["probe"] | undefined {
  const seen = answer?.observation;
  const unsent = seen?.kind === "skipped" || (seen?.kind === "failed" && seen.failure.kind === "not-sent");
  return unsent ? undefined : answer?.probe || undefined;
}

/** 21000 from the extension `safeupdate`, Supabase's default for API roles: blind writes are the direct channel's alone. */
function isSafeUpdate(cell: Cell, observation: Observation): boolean {
  return (
    operationInfo[cell.operation].blind &&
    observation.kind === "rows" &&
    isCode(observation.answer.code, "cardinality")
  );
}
