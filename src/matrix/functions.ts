import type { FunctionSpec } from "../model/matrix.ts";
import { formatFunction } from "../lib/sql-text.ts";
import { readExpect } from "./expectations.ts";
import { expectMap, readFields, readLeaf } from "./fields.ts";
import { readTexts } from "./fields.ts";
import { readFunctionEntry } from "./function-said.ts";
import { readFunctionName } from "./function-name.ts";
import type { Issues } from "../yaml/issues.ts";
import {
  type RelationReading,
  readControl,
  readNamedValues,
  readRowSets,
  readSurvives,
} from "./relations.ts";
import type { CandidateDraft, ExpectEntry, RelationScope } from "./scope.ts";
import { keysOf } from "./shapes.ts";
import type { Entry } from "../yaml/tree.ts";

/** The scope's candidates are the calls. */
export interface FunctionDraft extends Omit<FunctionSpec, "rowSets" | "calls" | "declarations"> {
  readonly scope: RelationScope;
  readonly expect: readonly ExpectEntry[];
}

/** The call of a function that declares none: without arguments. */
const implied = "call";

export function readFunctions(entry: Entry | undefined, reading: RelationReading): readonly FunctionDraft[] {
  const map = entry && expectMap(entry.value, "`functions`", reading.issues);
  const drafts = (map?.entries ?? []).map((item) => readFunction(item, reading));
  const first = new Map<string, FunctionDraft>();
  for (const draft of drafts) {
    const key = JSON.stringify([draft.schema, draft.name, draft.signature]);
    const other = first.get(key);
    if (other === undefined) first.set(key, draft);
    else {
      const message = `${formatFunction(draft)} is declared twice; first in line ${other.at.line}`;
      reading.issues.report("matrix/duplicate-function", draft.at, message);
    }
  }
  return drafts;
}

function readFunction(entry: Entry, { defaultSchema, today, issues, known }: RelationReading): FunctionDraft {
  const { key: written, keyAt: at, value } = entry;
  const name = readFunctionName(written, defaultSchema, at, issues) ?? {
    schema: defaultSchema,
    name: written,
    signature: undefined,
  };
  const fields = readFields(value, keysOf.function, `function \`${written}\``, at, issues);
  const key = fields?.get("key");
  const control = fields?.get("control");
  const scope: RelationScope = {
    relation: written,
    rowSets: readRowSets(fields?.get("rows"), issues),
    candidates: readCalls(fields?.get("calls"), at, issues),
    usedRowSets: new Set(),
    today,
    issues,
  };
  return {
    ...name,
    at,
    key: key && readTexts(key.value, "`key`", issues)?.map(({ text }) => text),
    control: control && readControl(control, defaultSchema, issues),
    survives: readSurvives(fields?.get("survives"), issues),
    raises: readRaises(fields?.get("raises"), issues),
    scope,
    expect: readExpect(fields?.get("expect"), known, scope, readFunctionEntry),
  };
}

function readCalls(
  entry: Entry | undefined,
  at: Entry["keyAt"],
  issues: Issues,
): ReadonlyMap<string, CandidateDraft | undefined> {
  if (entry === undefined)
    return new Map([[implied, { candidate: { name: implied, values: {}, at }, uses: [] }]]);
  const calls = readNamedValues(entry, "`calls`", "call", issues);
  if (entry.value.kind === "map" && calls.size === 0)
    issues.report(
      "matrix/empty",
      entry.keyAt,
      "`calls` names no call",
      "leave it out for the call without arguments",
    );
  return calls;
}

function readRaises(entry: Entry | undefined, issues: Issues): readonly string[] {
  if (entry === undefined) return [];
  const { value } = entry;
  const nodes = value.kind === "list" ? value.items : [value];
  return nodes.flatMap((node) => readLeaf(node, "sqlstate", "`raises`", issues) ?? []);
}
