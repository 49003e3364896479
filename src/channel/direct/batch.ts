import type { Cell } from "../../model/cell.ts";
import type { Identity } from "../../model/channel.ts";
import type { RelationOperation } from "../../model/matrix.ts";
import type { QualifiedName } from "../../model/sql-text.ts";
import { quoteIdent, quoteLiteral, quoteQualified } from "../../model/sql-text.ts";
import { readSql } from "../../sql.ts";
import type { BatchRequest } from "./protocol.ts";

/** A request and the cell it is for. */
export interface Posted {
  readonly cell: Cell;
  readonly request: BatchRequest;
}

export interface BatchSettings {
  readonly identities: ReadonlyMap<string, Identity>;
  /** Names of the settings that any persona of the run carries, besides the claims. */
  readonly settingNames: readonly string[];
  /** Identities are JWT claims: `request.jwt.claims` is part of every session. */
  readonly jwt: boolean;
  readonly preRequest: QualifiedName | undefined;
  readonly readOnly: boolean;
  readonly statementTimeoutMs: number;
}

const methods: Record<RelationOperation, string> = {
  select: "GET",
  insert: "POST",
  upsert: "POST",
  update: "PATCH",
  blind_update: "PATCH",
  delete: "DELETE",
  blind_delete: "DELETE",
  truncate: "DELETE",
};

/** What PostgREST would call the request: a function that may write takes POST. */
function methodOf({ operation, call }: Cell): string {
  if (operation !== "execute") return methods[operation];
  return call?.routine.volatility === "volatile" ? "POST" : "GET";
}

/** One message for a whole batch: begin, what to ask, the block, its answers, and the end that undoes everything. */
export function batchSql(posted: readonly Posted[], settings: BatchSettings): string {
  const first = posted[0]?.cell;
  const relation = first?.relation.info;
  const batch = dollarQuoted(JSON.stringify(batchOf(posted, settings)));
  const path = quoteLiteral(`/${first?.call === undefined ? "" : "rpc/"}${relation?.name ?? ""}`);
  // PostgREST puts `db-extra-search-path` (public) behind the request's schema.
  const searchPath = quoteLiteral(
    relation === undefined ? "public" : `${quoteIdent(relation.schema)}, public`,
  );
  return [
    `begin isolation level repeatable read${settings.readOnly ? " read only" : ""}`,
    `set local statement_timeout = ${settings.statementTimeoutMs}`,
    `select set_config('search_path', ${searchPath}, true), set_config('request.path', ${path}, true), ` +
      `set_config('request.headers', '{}', true), set_config('rowgate.batch', ${batch}, true)`,
    readSql("probe_batch.sql"),
    "select current_setting('rowgate.answers')",
    "rollback",
  ].join(";\n");
}

/** Nothing to escape, and nothing to unescape: JSON is full of backslashes. */
function dollarQuoted(text: string): string {
  let tag = "$batch$";
  for (let count = 1; text.includes(tag); count++) tag = `$batch${count}$`;
  return `${tag}${text}${tag}`;
}

function batchOf(posted: readonly Posted[], settings: BatchSettings): object {
  // In the never-set state nothing is set, so that the session stays as a fresh login finds it.
  const pristine = posted[0]?.request.state === "never set";
  const names = pristine ? [] : [...(settings.jwt ? ["request.jwt.claims"] : []), ...settings.settingNames];
  const personas = new Numbering<string>();
  const controls = new Numbering<string>();
  const texts = new Numbering<string>();
  const number = (text: string | null | undefined): number | undefined =>
    text === null || text === undefined ? undefined : texts.of(text);
  const values: { r: string; v: readonly string[] }[] = [];
  const probes = posted.map(({ cell, request }) => {
    const persona = personas.of(`${cell.persona.name}/${request.state ?? ""}`);
    values[persona - 1] ??= {
      r: cell.persona.role,
      v: names.map((name) => settingValue(name, cell, request, settings)),
    };
    return {
      p: persona,
      m: methodOf(cell),
      k: request.kind,
      c: request.control === undefined ? undefined : controls.of(request.control),
      q: request.statements.map(number),
      a: request.after?.map(number),
      v: request.values,
      d: number(request.differences),
      l: number(request.list),
      g: request.guard,
    };
  });
  const pre =
    settings.preRequest === undefined ? undefined : `select ${quoteQualified(settings.preRequest)}()`;
  return {
    calm: "select 1/0",
    settings: names,
    personas: values,
    controls: controls.all,
    texts: texts.all,
    pre,
    probes,
  };
}

function settingValue(name: string, cell: Cell, request: BatchRequest, settings: BatchSettings): string {
  if (request.state === "reset") return "";
  if (name === "request.jwt.claims") {
    const claims = settings.identities.get(cell.persona.name)?.claims;
    return claims === undefined ? "" : JSON.stringify(claims);
  }
  return cell.persona.settings[name] ?? "";
}

/** Equal texts share a number, from 1. */
class Numbering<T> {
  readonly all: T[] = [];
  readonly #numbers = new Map<T, number>();

  of(value: T): number {
    let number = this.#numbers.get(value);
    if (number === undefined) {
      number = this.all.push(value);
      this.#numbers.set(value, number);
    }
    return number;
  }
}
