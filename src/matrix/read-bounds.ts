import type { SourcePosition } from "../model/errors.ts";
import type { NamedColumn } from "../model/matrix.ts";
import { type Fields, fieldsOf, textOf, textsOf, type Tree } from "../yaml/tree.ts";
import { type Part, readNames, rowsOf } from "./read-forms.ts";
import type { Scope } from "./scope.ts";

// What an expectation says in addition to the current state: how far values, identities, gains and arguments may go.

/** UPDATE and INSERT: `columns: { fixed, free }`. */
export function readAssignment(fields: Fields, { issues }: Scope): Part {
  const entry = fields.get("columns");
  const lists = fieldsOf(entry?.value);
  const [fixed, free] = [namesIn(lists.get("fixed")?.value), namesIn(lists.get("free")?.value)];
  if (entry !== undefined && lists.size === 0) {
    const message = "`columns` lists neither `fixed` nor `free` columns";
    issues.report("missing-key", entry.keyAt, message, "as in `columns: { fixed: [role], free: [title] }`");
  }
  for (const { name, at } of free)
    if (fixed.some((other) => other.name === name))
      issues.report("contradiction", at, `column \`${name}\` is both fixed and free`);
  return { assignment: { fixed, free } };
}

export function readNameColumns(fields: Fields): Part {
  return { names: namesIn(fields.get("names")?.value) };
}

/** `returning: true`, or the columns that come back. */
export function readReturning(fields: Fields): Part {
  const entry = fields.get("returning");
  if (entry === undefined) return {};
  const columns = entry.value.kind === "list" ? namesIn(entry.value) : undefined;
  return { returning: { columns, at: entry.keyAt } };
}

export function readPartialUpsert(fields: Fields): Part {
  const [sends, onConflict] = [fields.get("sends"), fields.get("on_conflict")];
  const at = (sends ?? onConflict)?.keyAt;
  if (at === undefined) return {};
  return {
    partial: {
      sends: sends && namesIn(sends.value),
      onConflict: onConflict && namesIn(onConflict.value),
      at,
    },
  };
}

export function readMayBecome(fields: Fields, scope: Scope, target: string): Part {
  const entry = fields.get("may_become");
  if (entry === undefined) return {};
  const own = fieldsOf(entry.value);
  const needed = target === "insert" || target === "execute" ? "accept" : "rows";
  const other = needed === "rows" ? "accept" : "rows";
  const misplaced = own.get(other);
  if (misplaced !== undefined)
    scope.issues.report(
      "misplaced-key",
      misplaced.keyAt,
      `\`may_become\` of ${target} takes \`${needed}\`, not \`${other}\``,
    );
  if (!own.has(needed)) {
    const message = `\`may_become\` of ${target} does not say which \`${needed}\``;
    scope.issues.report("missing-key", entry.keyAt, message, "it is an upper bound of what may be gained");
    return undefined;
  }
  const by = namesIn(own.get("by")?.value);
  const mayBecome = { rows: undefined, accept: [], by, at: entry.keyAt };
  if (needed === "accept") {
    const { accept = [] } = readNames(own, target === "insert" ? "candidate" : "call", scope);
    return { mayBecome: { ...mayBecome, accept } };
  }
  const bound = rowsOf(own.get("rows")?.value, scope);
  if (bound?.expectation?.kind !== "rows") return undefined;
  const { name, predicate } = bound.expectation;
  return { mayBecome: { ...mayBecome, rows: { name, predicate } }, uses: bound.uses ?? [] };
}

/** `any_argument: allow`, or the rows that any call may return. */
export function readAnyArgument(fields: Fields, scope: Scope): Part {
  const tree = fields.get("any_argument")?.value;
  const word = textOf(tree)?.trim();
  if (word === "allow") return { anyArgument: { kind: "allow" } };
  if (tree !== undefined && word === "deny") {
    reportDeny(tree.at, scope);
    return undefined;
  }
  const bound = rowsOf(tree, scope);
  if (bound?.expectation?.kind !== "rows") return undefined;
  const argument = bound.uses?.find(({ name }) => name.startsWith("args."));
  if (argument !== undefined) {
    const message = `\`any_argument\` bounds every call, so it cannot use \`:${argument.name}\` of one`;
    scope.issues.report("unknown-parameter", argument.at, message);
    return undefined;
  }
  const { name, predicate } = bound.expectation;
  return { anyArgument: { kind: "rows", name, predicate }, uses: bound.uses ?? [] };
}

function reportDeny(at: SourcePosition, { issues }: Scope): void {
  const hint =
    "leave it out: then a call with other arguments may return no more than the declared calls and SELECTs";
  issues.report("bad-value", at, `\`any_argument\` is \`allow\` or rows`, hint);
}

function namesIn(tree: Tree | undefined): readonly NamedColumn[] {
  return textsOf(tree).map(({ text, at }) => ({ name: text, at }));
}
