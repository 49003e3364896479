import type { Refusal } from "./errors.ts";
import { refuse } from "./errors.ts";
import { overridden } from "./answer.ts";
import type { Answer, Draft, Headers } from "./answer.ts";
import { contentTypes } from "./media.ts";
import type { Outcome, Plan } from "./plan.ts";
import { preferenceApplied } from "./prefer.ts";
import type { Preferences } from "./prefer.ts";
import { contentRange, rangeStatus } from "./range.ts";
import type { Mutation, Request } from "./request.ts";

export const vary = { Vary: "Accept, Prefer, Range" };

/** The answer of a request that succeeded. */
export function answerTo(plan: Plan, outcome: Outcome): Answer {
  const { action } = plan.request;
  const { status, headers, body } =
    action.kind === "mutate" ? writers[action.mutation](plan, outcome) : answerToRead(plan, outcome);
  return overridden({ status, headers: { ...vary, ...headers }, body }, outcome);
}

export function answerToRefused(refusal: Refusal): Answer {
  const { status, statusText, code, message, details, hint, headers = {} } = refusal;
  return {
    status,
    statusText,
    headers: {
      "Content-Type": "application/json; charset=utf-8",
      "Proxy-Status": `PostgREST; error=${code}`,
      ...headers,
    },
    body: errorBody({ code, details, hint, message }),
  };
}

function errorBody({
  code,
  details,
  hint,
  message,
}: Pick<Refusal, "code" | "details" | "hint" | "message">): string {
  return JSON.stringify({ code, details, hint, message });
}

function answerToRead(plan: Plan, { rows, total, body }: Outcome): Draft {
  const { action, range, query, prefer } = plan.request;
  const status = rangeStatus(range.first, rows, total);
  const headers: Headers = {
    "Content-Range": contentRange(range.first, range.first + BigInt(rows) - 1n, total),
    "Preference-Applied": preferenceApplied(honoured(prefer, action.kind === "call" ? ["maxAffected"] : [])),
  };
  if (action.kind === "call" && "returnsVoid" in plan.target && plan.target.returnsVoid)
    return { status: 204, headers, body: "" };
  const location = query.canonical === "" ? "" : `?${query.canonical}`;
  return {
    status,
    headers: {
      ...headers,
      ...typed(plan),
      "Content-Location": action.kind === "read" ? `/${action.name}${location}` : undefined,
    },
    body: status === 416 ? beyond(range.first, total ?? 0) : body,
  };
}

/** An offset behind the last row is told by a body that is an error, while the headers are those of a success. */
function beyond(first: bigint, total: number): string {
  const { refusal } = refuse.range(`An offset of ${first} was requested, but there are only ${total} rows.`);
  return errorBody(refusal);
}

const writers: Readonly<Record<Mutation, (plan: Plan, outcome: Outcome) => Draft>> = {
  create: (plan, { rows, body, location, inserted }) => {
    const { prefer, action, query } = plan.request;
    const full = prefer.return === "representation";
    const merges = prefer.resolution === "merge-duplicates";
    const hasTarget =
      query.onConflict !== undefined || ("keyColumns" in plan.target && plan.target.keyColumns.length > 0);
    return {
      status: merges && (inserted ?? 0) <= 0 ? 200 : 201,
      headers: {
        Location: location.length === 0 ? undefined : `/${action.name}?${pairs(location)}`,
        "Content-Range": contentRange(1n, 0n, counted(prefer, rows)),
        "Preference-Applied": preferenceApplied(
          honoured(prefer, ["return", "missing", ...(hasTarget ? (["resolution"] as const) : [])]),
        ),
        ...(full ? typed(plan) : {}),
      },
      body: full ? body : "",
    };
  },
  update: (plan, outcome) => {
    const { rows } = outcome;
    const { prefer } = plan.request;
    const range = contentRange(0n, BigInt(rows) - 1n, counted(prefer, rows));
    return written(plan, outcome, range, ["return", "missing", "maxAffected"], 200);
  },
  upsert: (plan, outcome) =>
    written(plan, outcome, undefined, ["return"], (outcome.inserted ?? 0) > 0 ? 201 : 200),
  delete: (plan, outcome) => {
    const range = contentRange(1n, 0n, counted(plan.request.prefer, outcome.rows));
    return written(plan, outcome, range, ["return", "maxAffected"], 200);
  },
};

function written(
  plan: Plan,
  { body }: Outcome,
  range: string | undefined,
  more: readonly (keyof Preferences)[],
  status: number,
): Draft {
  const { prefer } = plan.request;
  const headers = { "Content-Range": range, "Preference-Applied": preferenceApplied(honoured(prefer, more)) };
  if (prefer.return !== "representation") return { status: 204, headers, body: "" };
  return { status, headers: { ...headers, ...typed(plan) }, body };
}

function counted(prefer: Preferences, rows: number): number | undefined {
  return prefer.count === "exact" ? rows : undefined;
}

/** The preferences that every request honours, and those that this kind does too. */
function honoured(prefer: Preferences, more: readonly (keyof Preferences)[]): Partial<Preferences> {
  const kinds: readonly (keyof Preferences)[] = ["count", "tx", "handling", "timezone", ...more];
  return Object.fromEntries(kinds.map((kind) => [kind, prefer[kind]]));
}

function typed({ shape, request }: Plan): Headers {
  return { "Content-Type": contentTypes[shape], "Content-Profile": profileOf(request) };
}

function profileOf({ schema, schemaIsNegotiated }: Request): string | undefined {
  return schemaIsNegotiated ? schema : undefined;
}

function pairs(location: Outcome["location"]): string {
  return location
    .map(([name, value]) => `${encodeURIComponent(name)}=${encodeURIComponent(value)}`)
    .join("&");
}
