import type { Node } from "libpg-query";
import type { Actor, BoundValues } from "./question.ts";
import type { Reaches } from "./reach.ts";
import { resolveNames } from "./resolve.ts";
import { defaultsFrom, type ProofFunction, type Schema } from "./schema.ts";
import { columnRef, fieldsOf, free, part, row, rowColumns } from "./tree.ts";

/** What is needed to read expressions of one database. */
export interface Reading {
  readonly schema: Schema;
  readonly reaches: Reaches;
  readonly bounds: BoundValues;
}

/** Who evaluates a function's body. */
export function actorOf(fn: ProofFunction, caller: Actor): Actor {
  return {
    role: fn.definer ? fn.owner : caller.role,
    settings: fn.settings.length > 0 ? fn.settings : caller.settings,
  };
}

/** A column of the row, cast or not, or the row as a whole. */
export function plainReference(node: Node): boolean {
  const inner = part(node, "TypeCast")?.arg;
  return (
    fieldsOf(node)?.[0] === row ||
    (inner !== undefined && plainReference(inner) && !rowColumns(inner).has("*"))
  );
}

/** The body with the arguments in place. @throws UnclearName */
export function inlined(body: Node, fn: ProofFunction, sent: readonly Node[], schema: Schema): Node {
  const given = [...sent, ...(defaultsFrom(fn, sent.length) ?? [])];
  const byName = new Map(
    fn.argumentNames.flatMap((name, index) =>
      name === "" ? [] : [[name, given[index] ?? columnRef(free)] as const],
    ),
  );
  return resolveNames(body, {
    schema,
    path: pathOf(fn),
    parameters: { function: fn.name, byName, byPosition: given },
  });
}

/** Where the function's own `search_path` leads; `undefined`: the caller's. */
function pathOf({ settings }: ProofFunction): readonly string[] | undefined {
  const own = settings.find((one) => /^search_path=/i.test(one));
  return own
    ?.slice(own.indexOf("=") + 1)
    .split(",")
    .map((name) => name.trim().replaceAll('"', ""))
    .filter((name) => name !== "");
}
