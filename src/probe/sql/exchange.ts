import { type Client, DatabaseError, type QueryArrayResult } from "pg";
import { isCode, ruleOf } from "../../model/answers.ts";
import type { Failure } from "../../model/observation.ts";
import { RowgateError } from "../../model/errors.ts";
import { stuckAtMost, triesAtMost } from "../limits.ts";
import { type BatchSettings, type Posted, batchSql } from "./batch.ts";
import { type BatchMutants, type RawAnswer, type RawMutants, type Reply, replyOf } from "./protocol.ts";
import { disconnect } from "./session.ts";
import { messageOf } from "../../model/errors.ts";

const weightLimit = 800;

/** A connection and how many messages it has exchanged. */
export interface Line {
  client: Client;
  roundTrips: number;
  /** Set: the connection is gone, and why. */
  lost?: Failure | undefined;
  losses: number;
  /** Another connection in its place. */
  readonly reopen: () => Promise<Client>;
  /** Requests, by relation, that no retry helped: another session holds a lock for long. */
  readonly stuck: Map<string, number>;
}

/** Every batch undoes all that it did, so another connection may carry the next; a line that breaks again and again may not. */
const lossesAtMost = 3;

/**
 * Sends requests in batches and brings a reply for each, in order. A batch that the statement timeout cut short is
 * sent again from where it stopped; the request that was cut off is sent alone, with a separate budget.
 */
export async function exchange(
  line: Line,
  posted: readonly Posted[],
  settings: BatchSettings,
): Promise<Reply[]> {
  const replies: Reply[] = [];
  for (const chunk of chunks(posted)) {
    replies.push(...(await sendUntilAnswered(line, chunk, settings)));
  }
  for (let attempt = 1; attempt < triesAtMost; attempt++) {
    const again = replies.flatMap((reply, index) =>
      isRetryable(reply) && !isStuck(line, posted[index]) ? [index] : [],
    );
    if (again.length === 0) break;
    for (const index of again) {
      const one = posted[index];
      const [reply] = one === undefined ? [] : await sendUntilAnswered(line, [one], settings);
      if (reply !== undefined) replies[index] = reply;
      if (attempt === triesAtMost - 1 && reply !== undefined && isRetryable(reply)) noteStuck(line, one);
    }
  }
  return replies;
}

function isStuck({ stuck }: Line, one: Posted | undefined): boolean {
  return (stuck.get(one?.cell.relation.info.oid ?? "") ?? 0) >= stuckAtMost;
}

function noteStuck({ stuck }: Line, one: Posted | undefined): void {
  const oid = one?.cell.relation.info.oid ?? "";
  stuck.set(oid, (stuck.get(oid) ?? 0) + 1);
}

const isRetried = (code: string): boolean => ruleOf(code, "direct").retried === true;

function isRetryable(reply: Reply): boolean {
  if (reply.kind === "control-error") return isRetried(reply.code);
  if (reply.kind === "rows") return isRetried(reply.rows.last?.code ?? "");
  return reply.kind === "parts" && reply.parts.some(({ code }) => code !== undefined && isRetried(code));
}

function* chunks(posted: readonly Posted[]): Generator<readonly Posted[]> {
  let from = 0;
  let weight = 0;
  for (const [index, { request }] of posted.entries()) {
    const own = request.kind === "rows" ? 40 : request.statements.length;
    if (index > from && weight + own > weightLimit) {
      yield posted.slice(from, index);
      from = index;
      weight = 0;
    }
    weight += own;
  }
  if (from < posted.length) yield posted.slice(from);
}

async function sendUntilAnswered(
  line: Line,
  posted: readonly Posted[],
  settings: BatchSettings,
): Promise<Reply[]> {
  const replies: Reply[] = [];
  while (replies.length < posted.length) {
    const rest = posted.slice(replies.length);
    const raw = await send<RawAnswer[]>(line, batchSql(rest, settings));
    if ("kind" in raw) {
      replies.push(...(await afterFailure(line, rest, settings, raw)));
      continue;
    }
    replies.push(...raw.map(replyOf));
    const cut = rest[raw.length];
    if (cut === undefined) continue;
    // The rest shared a budget; this one used up what was left of it. Alone, it has a separate one.
    const [alone] =
      raw.length === 0 && rest.length === 1 ? [] : await sendUntilAnswered(line, [cut], settings);
    replies.push(alone ?? timedOut(settings));
  }
  return replies;
}

function timedOut(settings: BatchSettings): Reply {
  const message = `the probe ran longer than ${settings.statementTimeoutMs} ms (statement_timeout)`;
  return { kind: "failed", failure: { kind: "timeout", message } };
}

/** A whole batch failed: half of it may be innocent. A lost connection affects every request. */
async function afterFailure(
  line: Line,
  rest: readonly Posted[],
  settings: BatchSettings,
  failure: Failure,
): Promise<Reply[]> {
  if (failure.kind === "connection" || rest.length === 1) {
    return rest.map((): Reply => ({ kind: "failed", failure }));
  }
  const half = Math.ceil(rest.length / 2);
  return [
    ...(await sendUntilAnswered(line, rest.slice(0, half), settings)),
    ...(await sendUntilAnswered(line, rest.slice(half), settings)),
  ];
}

/** One batch of probes for mutants. */
export async function exchangeMutants(
  line: Line,
  posted: readonly Posted[],
  settings: BatchSettings,
  mutants: BatchMutants,
): Promise<RawMutants | Failure> {
  return await send<RawMutants>(line, batchSql(posted, settings, mutants));
}

async function send<T>(line: Line, sql: string): Promise<T | Failure> {
  const gone = await renew(line);
  if (gone !== undefined) return gone;
  line.roundTrips += 1;
  try {
    const results: unknown = await line.client.query({ text: sql, rowMode: "array" });
    return answersOf(results) as T;
  } catch (error) {
    if (error instanceof RowgateError) throw error;
    const failure = await failureOf(line, error);
    if (failure.kind === "connection") line.lost = failure;
    return failure;
  }
}

/** Replaces a lost connection. @returns why there is none */
async function renew(line: Line): Promise<Failure | undefined> {
  const { lost } = line;
  if (lost === undefined || line.losses >= lossesAtMost) return lost;
  line.losses += 1;
  await disconnect(line.client);
  try {
    line.client = await line.reopen();
    line.lost = undefined;
  } catch (error) {
    // A server that does not answer now is not asked again for every cell.
    line.losses = lossesAtMost;
    line.lost = { kind: "connection", message: `${lost.message}; then: ${messageOf(error)}` };
  }
  return line.lost;
}

function answersOf(results: unknown): unknown {
  const withRows = Array.isArray(results) ? (results as QueryArrayResult[]) : [];
  const text: unknown = withRows.at(-2)?.rows[0]?.[0];
  if (typeof text !== "string") {
    throw new RowgateError({
      code: "direct/no-answers",
      message: "The server ran a batch of probes and returned no answers.",
      hint: "something between rowgate and Postgres splits statements; connect without it (not through a transaction-mode pooler)",
    });
  }
  return JSON.parse(text);
}

async function failureOf(line: Line, error: unknown): Promise<Failure> {
  if (!(error instanceof DatabaseError)) return { kind: "connection", message: messageOf(error) };
  try {
    line.roundTrips += 1;
    await line.client.query("rollback");
  } catch {
    return { kind: "connection", message: error.message };
  }
  const kind = isCode(error.code, "cancelled") ? "timeout" : "protocol";
  return { kind, message: `${error.message} (${error.code ?? "no SQLSTATE"})` };
}
