import { openArchive } from "./archive/write.ts";
import { createRedactor, noRedaction, redactsByDefault } from "./archive/redact.ts";
import { fingerprint } from "./channel/direct/survey.ts";
import { connect } from "./channel/direct/session.ts";
import { createTally } from "./judge/counts.ts";
import type { Cell } from "./model/cell.ts";
import { RowgateError } from "./model/errors.ts";
import type { CellRecord, RunRecord } from "./model/run.ts";
import { countCalls } from "./plan/calls.ts";
import { channelsOf } from "./plan/channels.ts";
import { countCells } from "./plan/expand.ts";
import { filterOf } from "./plan/filters.ts";
import { openChannels } from "./run/channels.ts";
import { closeRun } from "./run/close.ts";
import { signIn } from "./run/identities.ts";
import { type LaneInput, runLane } from "./run/lanes.ts";
import { prepare, touchedTables, visibleRows } from "./run/preparation.ts";
import { recordCell } from "./run/record.ts";
import type { RunEvents, RunRequest } from "./run/request.ts";

export type { RunEvents, RunRequest } from "./run/request.ts";

export interface RunOutcome {
  readonly run: RunRecord;
  /** The archive's folder. */
  readonly archive: string;
}

/**
 * Load → plan → probe → judge → archive: one matrix against one target. What a person reads is rendered from the archive.
 * @throws IssuesError `preflight/…` when the matrix does not fit the database; RowgateError when the harness cannot work
 */
export async function run(request: RunRequest, events: RunEvents = {}): Promise<RunOutcome> {
  const { matrix, target } = request;
  const started = performance.now();
  const control = await connect(target.database, target.limits);
  const exposed = target.rest === undefined ? [] : target.schemas;
  let archive: Awaited<ReturnType<typeof openArchive>> | undefined;
  let channels: Awaited<ReturnType<typeof openChannels>> | undefined;
  try {
    const prepared = await prepare(control, matrix, exposed, target.rest);
    const wants = filterOf(request.filters);
    const options = { channels: channelsOf(matrix, request.filters.channels), exposed, wants };
    const total = [
      ...prepared.work.map((one) => countCells(one.spec, one.relation, matrix.personas, wants)),
      ...prepared.functions.map((one) => countCalls(one, matrix.personas, wants)),
    ].reduce((sum, count) => sum + count, 0);
    events.planned?.(total);
    if (total === 0) throw nothingToProbe(request);
    const identities = signIn(request, prepared.settings);
    const redact = redactsByDefault[target.posture] ? createRedactor(matrix.personas) : noRedaction;
    archive = await openArchive(request.logs, request.id, request.startedAt, {
      secrets: secretsOf(request, identities),
      redact,
    });
    await archive.catalog(prepared.catalog);
    const tables = touchedTables(prepared);
    const before = await fingerprint(control, tables);
    const prepareEnded = performance.now();

    channels = await openChannels({ request, identities, prepared, options });
    const context = {
      ...request,
      matrix: matrix.name,
      matrixFile: matrix.file,
      identities,
      identityShown: channels.identityShown,
      today: today(request.startedAt),
    };
    const tally = createTally();
    const take = async (cell: Cell, answers: Parameters<LaneInput["take"]>[1]): Promise<void> => {
      request.interrupted?.throwIfAborted();
      const record: CellRecord = recordCell(cell, answers, context);
      tally.add(record);
      events.cell?.(record);
      await archive?.cell(record);
    };
    const lane: LaneInput = {
      matrix,
      catalog: prepared.catalog,
      options,
      take,
      interrupted: request.interrupted,
      visibleRows: (work, personas) => visibleRows(control, matrix, work, personas),
    };
    const queue = [...prepared.work, ...prepared.functions].values();
    await Promise.all(channels.lanes.map((own) => runLane(queue, own, lane)));
    const after = await fingerprint(control, tables);

    const record = await closeRun({
      request,
      prepared,
      channels,
      tally,
      tables,
      before,
      after,
      times: { started, prepareEnded },
    });
    request.interrupted?.throwIfAborted();
    return { run: record, archive: await archive.finish(record) };
  } catch (error) {
    await archive?.abandon();
    throw error;
  } finally {
    await channels?.close();
    await control.end().catch(() => {});
  }
}

function nothingToProbe({ filters, matrix }: RunRequest): RowgateError {
  const asked = [
    ...filters.only.map((one) => `--only ${one}`),
    ...filters.personas.map((one) => `--persona ${one}`),
  ];
  return new RowgateError({
    code: "run/nothing-to-probe",
    message: `No cell of the matrix ${matrix.name} matches ${asked.join(" ") || "what was asked"}.`,
    hint: `cells are named <persona>/<schema>.<relation>/<operation> or <persona>/<schema>.<function>/execute, as in ${matrix.personas[0]?.name ?? "anon"}/${matrix.schema}.${matrix.relations[0]?.name ?? "courses"}/select`,
  });
}

function today(at: Date): string {
  return at.toISOString().slice(0, 10);
}

/** What must not be written anywhere, whoever says it. */
function secretsOf({ target }: RunRequest, identities: ReturnType<typeof signIn>): readonly string[] {
  const key = target.signingKey;
  const secret = key === undefined ? [] : [key.algorithm === "HS256" ? key.secret : key.privateKeyPem];
  const tokens = [...identities.values()].flatMap(({ token }) => token ?? []);
  return [
    target.database.password,
    ...secret,
    ...(target.rest?.apiKey === undefined ? [] : [target.rest.apiKey]),
    ...tokens,
  ].filter((one) => one.length > 0);
}
