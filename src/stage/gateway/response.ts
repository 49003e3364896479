import type { Catalog, Relation } from "./catalog.ts";
import { isStatus, type Refusal, refuse } from "./errors.ts";
import { contentRange, contentTypes, preferenceApplied, type Preferences, rangeStatus } from "./headers.ts";
import type { Outcome, Plan } from "./read.ts";
import type { Mutation, Request } from "./request.ts";

const vary = { Vary: "Accept, Prefer, Range" };

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
    "Preference-Applied": preferenceApplied(honoured(prefer, [])),
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

/** An offset behind the last row is reported by a body that is an error, while the headers are those of a success. */
function beyond(first: bigint, total: number): string {
  const { refusal } = refuse.range(`An offset of ${first} was requested, but there are only ${total} rows.`);
  return errorBody(refusal);
}

const writers: Readonly<Record<Mutation, (plan: Plan, outcome: Outcome) => Draft>> = {
  create: (plan, { rows, body, inserted }) => {
    const { prefer, query } = plan.request;
    const full = prefer.return === "representation";
    const merges = prefer.resolution === "merge-duplicates";
    const hasTarget =
      query.onConflict !== undefined || ("keyColumns" in plan.target && plan.target.keyColumns.length > 0);
    return {
      status: merges && (inserted ?? 0) <= 0 ? 200 : 201,
      headers: {
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
    return written(plan, outcome, range, ["return", "missing"]);
  },
  delete: (plan, outcome) => {
    const range = contentRange(1n, 0n, counted(plan.request.prefer, outcome.rows));
    return written(plan, outcome, range, ["return"]);
  },
};

function written(
  plan: Plan,
  { body }: Outcome,
  range: string | undefined,
  more: readonly (keyof Preferences)[],
): Draft {
  const { prefer } = plan.request;
  const headers = { "Content-Range": range, "Preference-Applied": preferenceApplied(honoured(prefer, more)) };
  if (prefer.return !== "representation") return { status: 204, headers, body: "" };
  return { status: 200, headers: { ...headers, ...typed(plan) }, body };
}

function counted(prefer: Preferences, rows: number): number | undefined {
  return prefer.count === "exact" ? rows : undefined;
}

/** The preferences that every request honours, and those that this kind does too. */
function honoured(prefer: Preferences, more: readonly (keyof Preferences)[]): Partial<Preferences> {
  const kinds: readonly (keyof Preferences)[] = ["count", "tx", "timezone", ...more];
  return Object.fromEntries(kinds.map((kind) => [kind, prefer[kind]]));
}

function typed({ shape, request }: Plan): Headers {
  return { "Content-Type": contentTypes[shape], "Content-Profile": profileOf(request) };
}

function profileOf({ schema, schemaIsNegotiated }: Request): string | undefined {
  return schemaIsNegotiated ? schema : undefined;
}

export interface Answer {
  readonly status: number;
  readonly statusText?: string | undefined;
  readonly headers: Readonly<Record<string, string>>;
  readonly body: string;
}

type Headers = Readonly<Record<string, string | undefined>>;

/** What the gateway would answer, before the database has had its say. */
interface Draft {
  readonly status: number;
  readonly headers: Headers;
  readonly body: string;
}

/**
 * Functions and triggers may set status and headers of the answer.
 * @throws {Refused} PGRST111, PGRST112
 */
function overridden({ status, headers, body }: Draft, { responseHeaders, responseStatus }: Outcome): Answer {
  const chosen = responseStatus === null ? undefined : Number(/^\d+/.exec(responseStatus)?.[0]);
  if (chosen !== undefined && !isStatus(chosen)) throw refuse.responseStatus();
  const own = responseHeaders === null ? [] : readHeaders(responseHeaders);
  const taken = new Set(own.map(([name]) => name.toLowerCase()));
  const kept = Object.entries(headers).filter(([name]) => !taken.has(name.toLowerCase()));
  const all = [...kept, ...own].filter((pair): pair is [string, string] => pair[1] !== undefined);
  return { status: chosen ?? status, headers: Object.fromEntries(all), body };
}

function readHeaders(text: string): [string, string][] {
  const list = parseList(text);
  return list.map((item) => {
    const entries = typeof item === "object" && item !== null ? Object.entries(item) : [];
    const [name, value]: readonly unknown[] = entries[0] ?? [];
    if (entries.length !== 1 || typeof name !== "string" || typeof value !== "string")
      throw refuse.responseHeaders();
    return [name, value];
  });
}

function parseList(text: string): readonly unknown[] {
  try {
    const value: unknown = JSON.parse(text);
    if (Array.isArray(value)) return value;
  } catch {
    // Refused below.
  }
  throw refuse.responseHeaders();
}

/** OPTIONS of `/`: the same for every role. */
export const answerToRoot: Answer = {
  status: 200,
  headers: { ...vary, "Access-Control-Allow-Origin": "*", Allow: "OPTIONS,GET,HEAD" },
  body: "",
};

export function findRelation(catalog: Catalog, schema: string, name: string): Relation {
  const relation = catalog.relation(schema, name);
  if (relation === undefined) throw refuse.table(schema, name);
  return relation;
}
