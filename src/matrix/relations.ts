import type { ControlSource, RelationSpec } from "../model/matrix.ts";
import type { QualifiedName } from "../lib/sql-text.ts";
import { formatQualified } from "../lib/sql-text.ts";
import { readExpect } from "./expectations.ts";
import { checkName, expectMap, readFields, readLeaf, readTexts } from "./fields.ts";
import type { Issues } from "../yaml/issues.ts";
import { readPredicate } from "./predicate.ts";
import { readRelationName, relationKey } from "./relation-name.ts";
import type { CandidateDraft, ExpectEntry, RelationScope, RowSetDraft } from "./scope.ts";
import { keysOf } from "./shapes.ts";
import type { Entry } from "../yaml/tree.ts";
import { readColumnValues } from "./values.ts";

export interface RelationDraft extends Omit<RelationSpec, "rowSets" | "candidates" | "declarations"> {
  readonly scope: RelationScope;
  readonly expect: readonly ExpectEntry[];
}

export interface RelationReading {
  readonly defaultSchema: string;
  readonly today: string;
  readonly issues: Issues;
  /** Whether an entry under `expect` names somebody; reports it when not. */
  readonly known: (entry: Entry) => boolean;
}

export function readRelations(entry: Entry, reading: RelationReading): readonly RelationDraft[] {
  const { issues } = reading;
  const map = expectMap(entry.value, "`relations`", issues);
  if (map?.entries.length === 0) {
    issues.report("matrix/empty", entry.keyAt, "`relations` names nothing", "declare one relation at least");
  }
  const drafts = (map?.entries ?? []).map((item) => readRelation(item, reading));
  const first = new Map<string, RelationDraft>();
  for (const draft of drafts) {
    const key = relationKey(draft);
    const other = first.get(key);
    if (other === undefined) first.set(key, draft);
    else {
      const message = `${formatQualified(draft)} is declared twice; first in line ${other.at.line}`;
      issues.report("matrix/duplicate-relation", draft.at, message);
    }
  }
  return drafts;
}

function readRelation(entry: Entry, { defaultSchema, today, issues, known }: RelationReading): RelationDraft {
  const written = entry.key;
  const name: QualifiedName = readRelationName(written, defaultSchema, entry.keyAt, issues) ?? {
    schema: defaultSchema,
    name: written,
  };
  const fields = readFields(entry.value, keysOf.relation, `relation \`${written}\``, entry.keyAt, issues);
  const key = fields?.get("key");
  const control = fields?.get("control");
  const scope: RelationScope = {
    relation: written,
    rowSets: readRowSets(fields?.get("rows"), issues),
    candidates: readNamedValues(fields?.get("insert"), "`insert`", "candidate", issues),
    usedRowSets: new Set(),
    today,
    issues,
  };
  return {
    ...name,
    at: entry.keyAt,
    key: key && readTexts(key.value, "`key`", issues)?.map(({ text }) => text),
    control: control && readControl(control, defaultSchema, issues),
    survives: readSurvives(fields?.get("survives"), issues),
    scope,
    expect: readExpect(fields?.get("expect"), known, scope),
  };
}

export function readSurvives(entry: Entry | undefined, issues: Issues): string | undefined {
  return entry && readLeaf(entry.value, "text", "`survives`", issues, "write why it may");
}

export function readControl(
  { value, keyAt }: Entry,
  defaultSchema: string,
  issues: Issues,
): ControlSource | undefined {
  const from = readFields(value, keysOf.control, "`control`", keyAt, issues)?.get("from")?.value;
  const text = from && readLeaf(from, "text", "`from`", issues);
  if (from === undefined || text === undefined) return undefined;
  const name = readRelationName(text, defaultSchema, from.at, issues);
  return name && { from: name, at: from.at };
}

export function readRowSets(
  entry: Entry | undefined,
  issues: Issues,
): ReadonlyMap<string, RowSetDraft | undefined> {
  const map = entry && expectMap(entry.value, "`rows`", issues);
  return new Map(
    (map?.entries ?? []).map((item) => {
      checkName(item, "a row set", issues);
      const { key: name, value } = item;
      const predicate = readPredicate(value, `row set \`${name}\``, issues);
      return [
        name,
        predicate && { rowSet: { name, predicate: predicate.sql, at: value.at }, uses: predicate.uses },
      ];
    }),
  );
}

/** Name → column or argument → value. `noun` is what each of them is called. */
export function readNamedValues(
  entry: Entry | undefined,
  what: string,
  noun: "candidate" | "call",
  issues: Issues,
): ReadonlyMap<string, CandidateDraft | undefined> {
  const map = entry && expectMap(entry.value, what, issues);
  return new Map(
    (map?.entries ?? []).map((item) => {
      checkName(item, `a ${noun}`, issues);
      const { key: name, value } = item;
      const row = expectMap(value, `${noun} \`${name}\``, issues);
      const columns = row && issues.clean(() => readColumnValues(row, issues));
      return [
        name,
        columns && { candidate: { name, values: columns.values, at: value.at }, uses: columns.uses },
      ];
    }),
  );
}
