import { isObject } from "../../lib/json.ts";
import type { IncomingHttpHeaders } from "node:http";
import { refuse } from "./errors.ts";
import { essence, everything, parsePrefer, type Preferences, type Range, requestedRange } from "./headers.ts";
import { parseQuery, percentDecode, type Query } from "./query.ts";

export type Mutation = "create" | "update" | "delete";

type Action =
  | { readonly kind: "read"; readonly name: string; readonly headersOnly: boolean }
  | { readonly kind: "mutate"; readonly name: string; readonly mutation: Mutation }
  | { readonly kind: "call"; readonly name: string; readonly method: "GET" | "HEAD" | "POST" };

/** A request as it came over the wire. */
export interface RawRequest {
  readonly method: string;
  readonly url: string;
  readonly headers: IncomingHttpHeaders;
  readonly body: Buffer;
}

/** What a client wants, before anybody has looked whether the database has it. */
export interface Request {
  readonly action: Action;
  readonly schema: string;
  readonly schemaIsNegotiated: boolean;
  readonly query: Query;
  readonly range: Range;
  readonly payload: Payload | undefined;
  readonly prefer: Preferences;
  readonly method: string;
  readonly path: string;
  readonly headers: IncomingHttpHeaders;
}

interface RequestRules {
  readonly schemas: readonly string[];
  readonly txOverride: boolean;
}

/**
 * Reads a request in PostgREST's order: path, profile, method, query, range, body.
 * @throws {Refused}
 */
export function parseRequest(raw: RawRequest, rules: RequestRules): Request {
  const { method, headers } = raw;
  const { path, search } = splitUrl(raw.url);
  const resource = parseResource(path);
  const [schema, schemaIsNegotiated] = chooseSchema(raw, rules.schemas);
  const action = chooseAction(resource, method);
  const query = parseQuery(search, action.kind === "call" && action.method !== "POST");
  const range = requestedRange(query.range, method === "GET" ? header(headers.range) : undefined);
  const payload = takesBody(action)
    ? parseBody(raw.body, {
        contentType: headers["content-type"],
        isCall: action.kind === "call",
        columns: query.columns,
      })
    : undefined;
  const prefer = parsePrefer(header(headers.prefer), rules.txOverride);
  return {
    action,
    schema,
    schemaIsNegotiated,
    query,
    range: action.kind === "mutate" ? everything : range,
    payload,
    prefer,
    method,
    path,
    headers,
  };
}

function splitUrl(url: string): { path: string; search: string } {
  const at = url.indexOf("?");
  const path = at === -1 ? url : url.slice(0, at);
  return { path: withoutPrefix(path), search: at === -1 ? "" : url.slice(at + 1) };
}

/** Supabase's gateway shows PostgREST at `/rest/v1`, and PostgREST does not see that. */
function withoutPrefix(path: string): string {
  if (path === "/rest/v1") return "/";
  return path.startsWith("/rest/v1/") ? path.slice("/rest/v1".length) : path;
}

interface Resource {
  readonly kind: "relation" | "routine" | "root";
  readonly name: string;
}

function parseResource(path: string): Resource {
  const [first = "", second, ...more] = path.replace(/^\//, "").split("/").map(percentDecode);
  if (more.length > 0) throw refuse.path();
  if (second === undefined) return { kind: first === "" ? "root" : "relation", name: first };
  if (first !== "rpc") throw refuse.path();
  return { kind: "routine", name: second };
}

function chooseSchema({ method, headers }: RawRequest, exposed: readonly string[]): [string, boolean] {
  const writes = ["POST", "PATCH", "PUT", "DELETE"].includes(method);
  const profile = header(headers[writes ? "content-profile" : "accept-profile"]);
  if (profile === undefined) return [exposed[0] ?? "", exposed.length !== 1];
  if (!exposed.includes(profile)) throw refuse.schema(profile, exposed);
  return [profile, true];
}

const mutations: Readonly<Record<string, Mutation>> = {
  POST: "create",
  PATCH: "update",
  DELETE: "delete",
};

function chooseAction({ kind, name }: Resource, method: string): Action {
  if (method === "OPTIONS" || (method === "PUT" && kind === "relation")) throw refuse.notSpoken(method);
  const reads = method === "GET" || method === "HEAD";
  switch (kind) {
    case "routine":
      if (!reads && method !== "POST") throw refuse.rpcMethod(method);
      return { kind: "call", name, method };
    case "root":
      throw reads ? refuse.notSpoken("the OpenAPI description at /") : refuse.method(method);
    case "relation": {
      if (reads) return { kind: "read", name, headersOnly: method === "HEAD" };
      const mutation = Object.hasOwn(mutations, method) ? mutations[method] : undefined;
      if (mutation === undefined) throw refuse.method(method);
      return { kind: "mutate", name, mutation };
    }
  }
}

/** OPTIONS of `/`: which server answers. */
export function asksForServer({ method, url }: RawRequest): boolean {
  return method === "OPTIONS" && splitUrl(url).path === "/";
}

function takesBody(action: Action): boolean {
  if (action.kind === "mutate") return action.mutation !== "delete";
  return action.kind === "call" && action.method === "POST";
}

/** Node gives a header that came more than once as one text or as a list. */
function header(value: string | string[] | undefined): string | undefined {
  return Array.isArray(value) ? value[0] : value;
}

/** What a request brings to be written, or a function's arguments. */
interface Payload {
  /** JSON as sent: Postgres reads it, so that no number is rounded on the way. */
  readonly json: string;
  readonly columns: readonly string[];
}

interface BodyOf {
  readonly contentType: string | undefined;
  readonly isCall: boolean;
  /** The `columns` parameter, where it applies. */
  readonly columns: readonly string[] | undefined;
}

const spokenElsewhere: Readonly<Record<"call" | "write", readonly string[]>> = {
  call: [
    "text/csv",
    "application/x-www-form-urlencoded",
    "text/plain",
    "text/xml",
    "application/octet-stream",
  ],
  write: ["text/csv", "application/x-www-form-urlencoded"],
};

/**
 * Reads a request's body.
 * @throws {Refused} PGRST102; 501 for a body that is not JSON where PostgREST would take it
 */
function parseBody(bytes: Buffer, { contentType, isCall, columns }: BodyOf): Payload {
  const type = essence(contentType ?? "application/json");
  if (spokenElsewhere[isCall ? "call" : "write"].includes(type))
    throw refuse.notSpoken(`bodies of type ${type}`);
  if (!jsonTypes.has(type)) throw refuse.body(`Content-Type not acceptable: ${contentType ?? ""}`);
  if (columns !== undefined) return { json: bytes.toString("utf8"), columns: sorted(columns) };
  if (isCall && bytes.length === 0) return { json: "{}", columns: [] };
  return keysOf(decode(bytes));
}

const jsonTypes = new Set([
  "application/json",
  "application/vnd.pgrst.array+json",
  "application/vnd.pgrst.array",
]);

function decode(bytes: Buffer): { json: string; value: unknown } {
  try {
    const json = new TextDecoder("utf-8", { fatal: true, ignoreBOM: true }).decode(bytes);
    return { json, value: JSON.parse(json) };
  } catch {
    throw refuse.body("Empty or invalid json");
  }
}

function keysOf({ json, value }: { json: string; value: unknown }): Payload {
  if (!Array.isArray(value)) return isObject(value) ? { json, columns: keys(value) } : nothing;
  const [first] = value as readonly unknown[];
  if (value.length === 0) return nothing;
  const columns = isObject(first) ? keys(first) : undefined;
  if (columns === undefined || !value.every((row) => isObject(row) && sameKeys(row, columns)))
    throw refuse.body("All object keys must match");
  return { json, columns };
}

/** What PostgREST makes of `[]`, and of a number or a string. */
const nothing: Payload = { json: "[]", columns: [] };

function sameKeys(row: Readonly<Record<string, unknown>>, columns: readonly string[]): boolean {
  const own = Object.keys(row);
  return own.length === columns.length && columns.every((column) => Object.hasOwn(row, column));
}

function keys(row: Readonly<Record<string, unknown>>): string[] {
  return sorted(Object.keys(row));
}

function sorted(names: readonly string[]): string[] {
  return [...new Set(names)].toSorted();
}

/** Whether JSON text is an object and not an array, which Postgres's functions want to know. */
export function isJsonObject(json: string): boolean {
  return /^[ \t\n\r]*\{/.test(json);
}
