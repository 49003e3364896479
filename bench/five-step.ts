import { type Client, DatabaseError, type QueryArrayResult } from "pg";
import { firstRequest } from "../dist/probe/sql/first-requests.js";
import { insertSql } from "../dist/probe/sql/statements.js";
import { templatesOf } from "../dist/probe/sql/templates.js";
import type { Cell } from "../dist/model/cell.js";
import { quoteIdent, quoteLiteral } from "../dist/lib/sql-text.js";

/** A connection that sends one statement at a time, and how many it has sent. */
export interface Hand {
  readonly client: Client;
  roundTrips: number;
}

/**
 * One cell as people prove it by hand: begin, control, identity, probe, rollback, each a message of its own. An INSERT
 * takes one message for each candidate instead of the control. True when the cell is as the matrix declares.
 */
export async function proveByHand(hand: Hand, cell: Cell, candidatesAtMost: number): Promise<boolean> {
  await send(hand, "begin isolation level repeatable read");
  const held =
    cell.operation === "insert" ? await insert(hand, cell, candidatesAtMost) : await reach(hand, cell);
  await send(hand, "rollback");
  return held;
}

function identity({ persona }: Cell): string {
  const claims =
    persona.claims === undefined ? "" : JSON.stringify({ ...persona.claims, role: persona.role });
  return `select set_config('request.jwt.claims', ${quoteLiteral(claims)}, true); set local role ${quoteIdent(persona.role)}`;
}

async function reach(hand: Hand, cell: Cell): Promise<boolean> {
  const operation = cell.operation as "select" | "update" | "delete";
  const {
    control = "",
    statements,
    after,
  } = firstRequest[operation](cell, { replica: false, logins: false });
  const [total, declared, hashes] = rowOf(await send(hand, control));
  // As rowgate's own probes do: a subtransaction separates what it wrote from what was there.
  await send(hand, `${identity(cell)}; savepoint probe`);
  // What a write changed is asked for in the write's own message: the alternative is spared a round trip.
  const seen = after?.[0] === undefined ? "" : `; reset role; ${after[0]}`;
  const answer = await attempt(hand, `${statements[0]}${seen}`);
  if (answer === "42501") return declared === "0" && total !== "0";
  const reached = operation === "select" ? rowOf(answer[0])[0] : String(answer[0]?.rowCount ?? 0);
  if (reached !== declared || total === "0") return false;
  if (cell.expectation.kind !== "rows") return true;
  const [declaredHash, totalHash = "0"] = String(hashes).split(":");
  const hash = rowOf(answer.at(-1))[1];
  const left = (BigInt(totalHash) - BigInt(operation === "delete" ? (hash ?? "0") : "0")).toString();
  return (operation === "delete" ? left : hash) === declaredHash;
}

async function insert(hand: Hand, cell: Cell, candidatesAtMost: number): Promise<boolean> {
  await send(hand, identity(cell));
  const { expectation, relation } = cell;
  let held = true;
  for (const [index, candidate] of cell.candidates.slice(0, candidatesAtMost).entries()) {
    const { stored } = templatesOf(relation.info, Object.keys(candidate.values));
    const check = stored === null ? "" : `; reset role; ${fill(stored, Object.values(candidate.values))}`;
    const again = index === 0 ? "savepoint candidate" : "rollback to savepoint candidate";
    const answer = await attempt(hand, `${again}; ${insertSql(relation.info, candidate.values)}${check}`);
    const wanted =
      expectation.kind === "allow" ||
      (expectation.kind === "candidates" && expectation.accept.includes(candidate.name));
    const accepted = answer !== "42501" && answer[1]?.rowCount === 1 && rowOf(answer.at(-1))[1] === "[]";
    held &&= wanted ? accepted : answer === "42501";
  }
  return held;
}

/** A template with literals where its parameters stand. */
function fill(template: string, values: readonly (string | null)[]): string {
  return template.replaceAll(/\$(\d+)/g, (_, position: string) => {
    const value = values[Number(position) - 1] ?? null;
    return value === null ? "null" : quoteLiteral(value);
  });
}

type Results = readonly QueryArrayResult<unknown[]>[];

async function send(hand: Hand, text: string): Promise<Results> {
  hand.roundTrips += 1;
  const results: unknown = await hand.client.query({ text, rowMode: "array" });
  return (Array.isArray(results) ? results : [results]) as Results;
}

/** The results, or the SQLSTATE of a refusal. */
async function attempt(hand: Hand, text: string): Promise<Results | "42501"> {
  try {
    return await send(hand, text);
  } catch (error) {
    if (error instanceof DatabaseError && error.code === "42501") return error.code;
    throw error;
  }
}

/** The first row as text, and nulls as nothing. */
function rowOf(results: Results | QueryArrayResult<unknown[]> | undefined): readonly (string | undefined)[] {
  const result = Array.isArray(results)
    ? (results as Results)[0]
    : (results as QueryArrayResult<unknown[]> | undefined);
  return (result?.rows[0] ?? []).map((value) => (value === null ? undefined : String(value)));
}
