import { isObject } from "../lib/json.ts";
import { z } from "zod";
import { baselineNames, defaultPrivileges } from "../model/baseline.ts";
import { channels } from "../model/cell.ts";
import { effects } from "../model/effect.ts";
import { type FindingKind, findingSeverity } from "../model/finding.ts";
import { operations } from "../model/matrix.ts";
import { archiveVersion } from "../model/run.ts";
import { postures } from "../model/target.ts";
import { evidences, verdictInfo, verdicts } from "../model/verdict.ts";

/*
 * What a reader relies on. Unknown fields pass: a later rowgate may add some without raising the version.
 * A finding's kind and a verdict must be known, since every reader looks them up in a table.
 */
const findingKinds = Object.keys(findingSeverity) as [FindingKind, ...FindingKind[]];
const verdict = z.enum(verdicts);
const count = z.int().min(0);
const byVerdict = z.record(verdict, count);
const texts = z.array(z.string());

const target = z.looseObject({
  name: z.string(),
  posture: z.enum(postures),
  database: z.string(),
  serverVersion: z.string(),
  rest: z
    .looseObject({
      url: z.string(),
      gateway: z.looseObject({ kind: z.enum(["builtin", "postgrest", "remote"]), version: z.string() }),
    })
    .optional(),
  containers: z
    .looseObject({
      images: z.array(z.looseObject({ use: z.string(), name: z.string(), id: z.string() })),
      reused: z.boolean(),
    })
    .optional(),
  baseline: z
    .looseObject({
      name: z.enum(baselineNames),
      defaultPrivileges: z.enum(defaultPrivileges).optional(),
      privilegesFrom: z.string().optional(),
      captured: z.looseObject({ target: z.string(), capturedAt: z.string() }).optional(),
      extraSearchPath: texts.optional(),
      standIns: texts,
      skipped: z.array(
        z.looseObject({ file: z.string(), line: count, statement: z.string(), because: z.string() }),
      ),
    })
    .optional(),
});

const gatewayChecks = z.looseObject({
  rollbackHonoured: z.boolean(),
  tamperedTokenRefused: z.boolean(),
  unknownRoleRefused: z.boolean().optional(),
  sameDatabase: z.boolean().optional(),
  identityShown: z.boolean().optional(),
});

const run = z.looseObject({
  archiveVersion: z.literal(archiveVersion),
  id: z.string(),
  chainOrigin: z.string().optional(),
  rowgate: z.string(),
  startedAt: z.iso.datetime(),
  finishedAt: z.iso.datetime(),
  gitCommit: z.string().optional(),
  matrix: z.looseObject({ name: z.string(), file: z.string() }),
  inputs: z.array(z.looseObject({ path: z.string(), sha256: z.string() })),
  target,
  filters: z.looseObject({ only: texts, personas: texts, channels: z.array(z.enum(channels)) }),
  personas: z.array(z.looseObject({ name: z.string(), role: z.string() })),
  relations: texts,
  gatewayChecks: gatewayChecks.optional(),
  fingerprints: z.array(z.looseObject({ relation: z.string() })),
  findings: z.array(z.looseObject({ kind: z.enum(findingKinds) })),
  counts: z.looseObject({
    cells: count,
    byVerdict,
    byChannel: z.record(z.enum(channels), byVerdict),
    byEvidence: z.record(z.enum(evidences), count).optional(),
    waived: count,
    observed: count.optional(),
    waivedByVerdict: byVerdict,
    waivedErrors: z.record(z.enum(channels), count).optional(),
  }),
  roundTrips: z.looseObject({ direct: count, rest: count }),
  timings: z.looseObject({ start: z.number(), preflight: z.number(), probe: z.number(), total: z.number() }),
  exitCode: z.literal([0, 1, 2]),
  previous: z.looseObject({ id: z.string(), sha256: z.string() }).optional(),
});

/** `undefined` when the value is a run record; else the first field that is not, and why. */
export function runProblem(value: unknown): string | undefined {
  const issue = run.safeParse(value).error?.issues[0];
  return issue === undefined ? undefined : `${issue.path.join(".") || "the file"}: ${issue.message}`;
}

/** By hand, since it runs for a million lines: what any reader of a cell relies on. */
export function cellProblem(value: unknown): string | undefined {
  if (!isObject(value)) return "a cell is an object";
  const missing = ["id", "matrix", "persona", "schema", "relation"].find(
    (field) => typeof value[field] !== "string",
  );
  if (missing !== undefined) return `${missing}: expected a string`;
  if (!isOneOf(operations, value["operation"])) return "operation: expected one of rowgate's operations";
  if (!isVerdict(value["verdict"])) return "verdict: expected one of rowgate's verdicts";
  if (typeof value["waived"] !== "boolean") return "waived: expected a boolean";
  if (typeof value["implied"] !== "boolean") return "implied: expected a boolean";
  if (!isObject(value["expectation"])) return "expectation: expected an object";
  if (!isObject(value["at"])) return "at: expected an object";
  if (!isObject(value["notOn"])) return "notOn: expected an object";
  if (!Array.isArray(value["inForce"])) return "inForce: expected an array";
  return isObject(value["channels"]) ? channelsProblem(value["channels"]) : "channels: expected an object";
}

function channelsProblem(byChannel: Readonly<Record<string, unknown>>): string | undefined {
  for (const [channel, record] of Object.entries(byChannel)) {
    const at = `channels.${channel}`;
    if (!isOneOf(channels, channel)) return `${at}: no such channel`;
    if (!isObject(record)) return `${at}: expected an object`;
    if (!isVerdict(record["verdict"])) return `${at}.verdict: expected one of rowgate's verdicts`;
    if (!isOneOf(effects, record["effect"])) return `${at}.effect: expected one of rowgate's effects`;
    if (!isObject(record["observation"])) return `${at}.observation: expected an object`;
  }
  return undefined;
}

function isOneOf(known: readonly string[], value: unknown): boolean {
  return typeof value === "string" && known.includes(value);
}

function isVerdict(value: unknown): boolean {
  return typeof value === "string" && Object.hasOwn(verdictInfo, value);
}
