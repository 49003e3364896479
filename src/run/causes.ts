import { originRecord, type SqlOrigin } from "../model/origin.ts";
import { addressOf, readsOnly } from "../model/posture.ts";
import type { Cell } from "../model/cell.ts";
import type { Cause, CellRecord } from "../model/run.ts";
import { limiter } from "../lib/limiter.ts";
import { findCause } from "../probe/sql/cause.ts";
import type { Leak } from "../probe/sql/cause-rows.ts";
import { connect, disconnect } from "../probe/sql/session.ts";
import type { OpenRun } from "./3-open.ts";

/** Leaks whose cause is looked for: each costs a connection and a few statements, and groups of a report repeat them. */
const mostCauses = 100;

/** Looks for what let a leak through, and adds it to the record. Each search has a separate connection: one at a time. */
export function causeFinder({
  request,
  plan,
  sessions,
}: OpenRun): (cell: Cell, record: CellRecord) => Promise<CellRecord> {
  const { target } = request;
  const context = {
    catalog: plan.catalog,
    preRequest: target.preRequest,
    sessions,
  };
  const oneAtATime = limiter(1);
  let left = mostCauses;

  async function search(leak: Leak): Promise<Cause | undefined> {
    if (request.examines?.(leak.cell, leak.observation) === false) return undefined;
    if (left <= 0) return { kind: "unknown", because: `not looked for after the first ${mostCauses} leaks` };
    left -= 1;
    const client = await connect(addressOf(target), target.limits).catch(() => undefined);
    if (client === undefined) return { kind: "unknown", because: "no further connection could be opened" };
    try {
      return await findCause(client, leak, context);
    } catch {
      return { kind: "unknown", because: "the connection was lost" };
    } finally {
      await disconnect(client);
    }
  }

  return async (cell, record) => {
    const { direct, rest } = record.channels;
    const seen = direct?.verdict === "leak" ? direct : rest?.verdict === "leak" ? rest : undefined;
    // A row that the proof put in is gone: the policies in force, evaluated for it, are what the proof itself shows.
    if (seen === undefined || seen.fromProof === true) return record;
    const mayWrite = !readsOnly(target) && direct?.verdict === "leak";
    const cause = await oneAtATime(() => search({ cell, observation: seen.observation, mayWrite }));
    if (cause === undefined) return record;
    return { ...record, cause: withOrigin(cause, (await request.origins?.()) ?? []) };
  };
}

/** Writes the archive's catalogue again, with the place of the SQL that defined what is in force. Not before the first probe: parsing takes time. */
export async function archiveOrigins({ request, plan, archive }: OpenRun): Promise<void> {
  const origins = (await request.origins?.()) ?? [];
  if (origins.length > 0) await archive.catalog({ ...plan.catalog, origins: originRecord(origins) });
}

/** Where the SQL that rowgate applied created what the cause names. */
function withOrigin(cause: Cause, origins: readonly SqlOrigin[]): Cause {
  const at = (kind: SqlOrigin["kind"], on: string, policy?: string): { readonly origin?: string } => {
    const found = origins.find(
      (one) =>
        one.kind === kind &&
        (policy === undefined || one.name === policy) &&
        `${one.schema}.${policy === undefined ? one.name : one.table}` === on,
    );
    return found === undefined ? {} : { origin: `${found.file}:${found.line}` };
  };
  if (cause.kind === "policies") {
    const policies = cause.policies.map((one) => ({ ...one, ...at("policy", cause.relation, one.name) }));
    return { ...cause, policies };
  }
  if (cause.kind === "no-rls")
    return { ...cause, ...(cause.view === undefined ? at("table", cause.relation) : at("view", cause.view)) };
  return cause.kind === "definer" ? { ...cause, ...at("function", cause.function) } : cause;
}
