import type { Cell, PlannedCall } from "../../model/cell.ts";
import { type JsonBody, elementsOf, jsonBody, membersOf } from "./json-text.ts";
import type { Reply } from "./reply.ts";

/** A call as PostgREST takes it. */
export interface Rpc {
  readonly method: "GET" | "POST";
  readonly arguments: JsonBody;
  /** Plain values come back, to be read as rows with this one column. */
  readonly value: string | undefined;
  readonly returnsSet: boolean;
}

export function rpcOf(call: PlannedCall): Rpc {
  const { routine, valueName } = call;
  return {
    method: mustPost(call) ? "POST" : "GET",
    arguments: argumentsOf(call),
    value: routine.returns === "value" ? valueName : undefined,
    returnsSet: routine.returnsSet,
  };
}

/** Sends more than GET: what may write, or what a query string cannot say. */
export function isWriteCall({ call }: Cell): boolean {
  return call !== undefined && mustPost(call);
}

/** Words of PostgREST's query string, which an argument cannot be called there. */
const reserved = /^(?:select|columns|on_conflict|order|limit|offset|and|or|not)$/;
/** A value that looks like one is taken for a filter of the result. */
const filterLike = /^(?:not\.)?[a-z]+(?:\([^)]*\))?\./;

/** A URL must stay well below 8,000 characters, escapes included. */
const longestInUrl = 800;

function mustPost({ routine, values }: PlannedCall): boolean {
  if (routine.volatility === "volatile" || routine.arguments.some(({ variadic }) => variadic)) return true;
  return Object.entries(values).some(
    ([name, value]) =>
      value === null ||
      value.length > longestInUrl ||
      !/^[A-Za-z_]\w*$/.test(name) ||
      reserved.test(name) ||
      filterLike.test(value),
  );
}

function argumentsOf(call: PlannedCall): JsonBody {
  if (!mustPost(call)) return { values: call.values, text: undefined };
  const types = new Map(call.routine.arguments.map(({ name, type }) => [name, type]));
  return jsonBody(call.values, (name) => types.get(name));
}

/** An answer as a list of objects, whatever shape the function's result has. One row of NULLs is no row. */
export function asRows(reply: Reply, { value, returnsSet }: Rpc): Reply {
  if (reply.answer.code !== null) return reply;
  const values = returnsSet ? elementsOf(reply.body) : [reply.body];
  if (values === undefined) return reply;
  const rows = values.map((one) => (value === undefined ? one : `{${JSON.stringify(value)}:${one}}`));
  const kept = returnsSet ? rows : rows.filter((row) => !isNull(row));
  const answer = returnsSet ? reply.answer : { ...reply.answer, rows: kept.length };
  return { ...reply, answer, body: `[${kept.join(",")}]` };
}

function isNull(row: string): boolean {
  const members = membersOf(row);
  return (
    row.trim() === "null" || (members !== undefined && [...members.values()].every((one) => one === "null"))
  );
}
