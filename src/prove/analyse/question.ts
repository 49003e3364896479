import type { Node } from "libpg-query";
import { cast, literal } from "./tree.ts";

/** Who evaluates something: the persona itself, or as the owner of a SECURITY DEFINER function with its settings. */
export interface Actor {
  /** `undefined`: the persona's own role. */
  readonly role: string | undefined;
  /** `search_path=""`, as `proconfig` has it. */
  readonly settings: readonly string[];
}

export const persona: Actor = { role: undefined, settings: [] };

/**
 * A query of one text column that tells something about the database as it is. It has no row of a policy in it, so it is asked
 * once for each persona, and of many cells at once.
 */
export interface Question {
  readonly actor: Actor;
  readonly sql: string;
  /** Values that must be known before it can be asked: a definer's arguments are evaluated by its caller. */
  readonly bound: readonly Bound[];
}

export interface Bound extends Question {
  readonly name: string;
}

export type Answer =
  | { readonly rows: readonly (string | null)[] }
  | { readonly code: string; readonly message: string };

let bounds = 0;
const placeholder = /'rowgate:bound:\d+'/g;

/** Collects the values of arguments while a body is read. */
export class BoundValues {
  readonly #all = new Map<string, Bound>();

  /** A literal of that type, whose text is put in when the question is asked. */
  add(actor: Actor, sql: string, type: string): { readonly node: Node; readonly bound: Bound } {
    bounds += 1;
    const name = `rowgate:bound:${bounds}`;
    const bound = { name, ...this.question(actor, `select (${sql})::text`) };
    this.#all.set(name, bound);
    return { node: cast(literal(name), type), bound };
  }

  question(actor: Actor, sql: string): Question {
    const names = new Set(sql.match(placeholder));
    return { actor, sql, bound: [...names].flatMap((name) => this.#all.get(name.slice(1, -1)) ?? []) };
  }
}

/** The question's text with its bound values in place. */
export function bindQuestion(
  { sql, bound }: Question,
  valueOf: (bound: Bound) => string | null,
  quote: (text: string) => string,
): string {
  if (bound.length === 0) return sql;
  const values = new Map(bound.map((one) => [`'${one.name}'`, valueOf(one)]));
  return sql.replaceAll(placeholder, (name) => {
    const value = values.get(name);
    return value === null || value === undefined ? "NULL" : quote(value);
  });
}
