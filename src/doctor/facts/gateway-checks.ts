import { randomBytes } from "node:crypto";
import { formatQualified, type QualifiedName, quoteQualified } from "../../lib/sql-text.ts";
import type { Identity } from "../../model/channel.ts";
import { addressOf, readsOnly } from "../../model/posture.ts";
import type { Target } from "../../model/target.ts";
import { Clients } from "../../probe/http/clients.ts";
import { PrivilegedConnection } from "../../probe/http/privileged.ts";
import { HttpClient } from "../../probe/http/http-client.ts";
import { askAnonymous } from "../../probe/http/verify/anonymous.ts";
import { checkGateway } from "../../probe/http/verify/gateway-checks.ts";
import { findPlaces, type Place } from "../../probe/http/verify/roles.ts";
import { watchFor } from "../../probe/http/verify/same-database.ts";
import { Transport } from "../../probe/http/transport.ts";
import type { GatewayCheckFacts, ProbeReply, SamenessFacts, SpeakingGateway } from "../facts.ts";
import { type GatewayProbe, pathOf } from "./gateway-probe.ts";

export interface GatewayCheckQuestions {
  readonly probe: GatewayProbe;
  readonly target: Target;
  readonly identities: readonly Identity[];
  /** Schemas that the gateway exposes. */
  readonly exposed: readonly string[];
  /** A relation that the gateway knows, and a column of it; `undefined`: none, or no connection to the database was made. */
  readonly known: { readonly relation: QualifiedName; readonly column: string } | undefined;
  /** A token that the gateway accepted; `undefined`: none. */
  readonly token: string | undefined;
}

/** What needs the database and the gateway: a run's own gateway checks, and whether both are one database. */
export async function runGatewayChecks(
  questions: GatewayCheckQuestions,
): Promise<Pick<SpeakingGateway, "checks" | "sameness">> {
  const { target, identities, exposed, known } = questions;
  if (known === undefined) return { checks: undefined, sameness: { seen: "unsent", row: undefined } };
  const privileged = new PrivilegedConnection(addressOf(target), target.limits);
  try {
    const roles = [...new Set(identities.map(({ persona }) => persona.role))];
    const places = await findPlaces(privileged, exposed, roles);
    return {
      sameness: await checkSameness({ ...questions, known, places, privileged }),
      checks: await checkAsRun(questions, places, privileged),
    };
  } finally {
    await privileged.close();
  }
}

/** Requests in flight. */
const concurrency = 6;

/** The gateway checks of a run; the transport sends only GETs. */
async function checkAsRun(
  { target, identities, exposed }: GatewayCheckQuestions,
  places: readonly Place[],
  privileged: PrivilegedConnection,
): Promise<GatewayCheckFacts | undefined> {
  const { rest, limits } = target;
  if (rest === undefined) return undefined;
  const { url, ca } = rest;
  const transport = new Transport({
    url,
    ca,
    connections: concurrency,
    timeoutMs: limits.requestTimeoutMs,
    readOnly: true,
  });
  try {
    const clients = new Clients(rest, transport.fetch);
    const http = new HttpClient(transport);
    const checked = await checkGateway({
      clients,
      http,
      identities,
      places,
      // Doctor does not know which calls are harmless.
      calls: () => [],
      signingKey: target.signingKey,
      concurrency,
      readOnly: readsOnly(target),
      anonymous: () => askAnonymous({ clients, http, privileged, target: { ...target, schemas: exposed } }),
    });
    const { distrust, personas, anonymous, rollback } = checked;
    // The check of the anonymous role reports these.
    const isExplained = (name: string): boolean =>
      (anonymous?.kind === "disabled" || anonymous?.kind === "another") &&
      identities.some(({ persona, token }) => persona.name === name && token === undefined);
    const unswitched = [...personas].flatMap(([name, { message }]) =>
      isExplained(name) ? [] : [[name, message] as const],
    );
    return { distrust: distrust?.message, unswitched: new Map(unswitched), anonymous, rollback };
  } finally {
    await transport.close();
  }
}

interface SamenessQuestions extends GatewayCheckQuestions {
  readonly known: NonNullable<GatewayCheckQuestions["known"]>;
  readonly places: readonly Place[];
  /** Of the direct connection's database. */
  readonly privileged: PrivilegedConnection;
}

/**
 * Are both sides one database? First as a run checks it, and where that shows nothing, by a row that the gateway shows: a run
 * would only say that it cannot tell.
 */
async function checkSameness(questions: SamenessQuestions): Promise<SamenessFacts> {
  const seen = await watchStatement(questions);
  return { seen, row: seen === "seen" ? undefined : await compareRow(questions) };
}

const longestMs = 3000;

async function watchStatement({
  probe,
  privileged,
  known,
  token,
  target,
}: SamenessQuestions): Promise<SamenessFacts["seen"]> {
  const nonce = `rowgate_${randomBytes(12).toString("hex")}`;
  const path = pathOf(known.relation, `select=${nonce}:${encodeURIComponent(quoted(known.column))}&limit=1`);
  const send = (): Promise<ProbeReply> => probe.get(path, { token, schema: known.relation.schema });
  // An error of PostgREST's own comes before any statement.
  if ((await send()).code?.startsWith("PGRST") === true) return "unsent";
  const over = new AbortController();
  const keepSending = async (): Promise<void> => {
    while (!over.signal.aborted) await send();
  };
  const sending = Promise.allSettled(Array.from({ length: concurrency }, keepSending));
  try {
    const time = Math.min(longestMs, target.limits.statementTimeoutMs / 2);
    const { seen, unseen } = await watchFor(privileged, nonce, time);
    if (seen) return "seen";
    return unseen > 0 ? "blind" : "unseen";
  } finally {
    over.abort();
    await sending;
  }
}

/** A row as Postgres itself identifies it: its table, its place, and the transaction that wrote it. */
interface SystemColumns {
  readonly tableoid: string | number;
  readonly ctid: string;
  readonly xmin: string | number;
}

const rowsAtMost = 12;
/** Another session may change the row between two looks, but hardly each time. */
const looks = 3;

async function compareRow(questions: SamenessQuestions): Promise<SamenessFacts["row"]> {
  const { probe, privileged } = questions;
  for (const { relation, identity } of readablePlaces(questions).slice(0, rowsAtMost)) {
    const answers: (boolean | undefined)[] = [];
    while (answers.length < looks && !answers.includes(true)) {
      const row = await rowOf(probe, relation, identity);
      if (row === undefined) break;
      answers.push(await isHere(privileged, relation, row));
    }
    const isKnown = answers.length > 0 && !answers.includes(undefined);
    if (isKnown) return { relation: formatQualified(relation), isHere: answers.includes(true) };
  }
  return undefined;
}

function readablePlaces({
  places,
  identities,
}: SamenessQuestions): readonly { readonly relation: QualifiedName; readonly identity: Identity }[] {
  return places.flatMap(({ role, readable, usage, schema, name }) => {
    const identity = identities.find(({ persona }) => persona.role === role);
    return readable === null || !usage || identity === undefined
      ? []
      : [{ relation: { schema, name }, identity }];
  });
}

async function rowOf(
  probe: GatewayProbe,
  relation: QualifiedName,
  { token }: Identity,
): Promise<SystemColumns | undefined> {
  const request = { token, schema: relation.schema };
  const { rows, body } = await probe.get(pathOf(relation, "select=tableoid,ctid,xmin&limit=1"), request);
  return rows ? (JSON.parse(body) as SystemColumns[])[0] : undefined;
}

/** `undefined`: this login does not see every row, so a row that it does not see shows nothing. */
async function isHere(
  privileged: PrivilegedConnection,
  relation: QualifiedName,
  row: SystemColumns,
): Promise<boolean | undefined> {
  const found = `select exists (select from ${quoteQualified(relation)} where tableoid = $1::oid and ctid = $2::tid and xmin = $3::xid) as here`;
  const values = [String(row.tableoid), row.ctid, String(row.xmin)];
  const [answer] = await privileged
    .inSnapshot((ask) => ask<{ here: boolean }>(found, values))
    .catch(() => []);
  return answer?.here;
}

/** A column in PostgREST's query string: a quoted name may contain anything. */
function quoted(column: string): string {
  return `"${column.replaceAll(/["\\]/g, String.raw`\$&`)}"`;
}
