import { formatFunction, formatQualified, type FunctionName, type QualifiedName } from "../lib/sql-text.ts";
import type { SourcePosition } from "../model/errors.ts";
import type {
  ChangeWaiver,
  Candidate,
  ControlSource,
  FunctionSpec,
  Matrix,
  RelationSpec,
  RowSet,
  Waiver,
} from "../model/matrix.ts";
import { entriesOf, type Entry, type Fields, fieldsOf, textOf, textsOf, type Tree } from "../yaml/tree.ts";
import { nameKey, Names, readFunctionName, readRelationName, readRelationPattern } from "./names.ts";
import { readWaiver } from "./read-forms.ts";
import type { Claim, Declared, Reading, Scope } from "./scope.ts";
import { readCallClaims, readClaims, readExpect } from "./statements.ts";
import { readColumnValues, readPredicate } from "./values.ts";

/** A relation or a function before its declarations are resolved. */
export interface Draft<Spec extends QualifiedName> {
  readonly spec: Omit<Spec, "declarations">;
  readonly scope: Scope;
  readonly claims: readonly Claim[];
  /** A relation's name that holds `*`. */
  readonly isPattern: boolean;
}

/** Whether an entry under `expect` names a persona or a group; reported when not. */
type Known = (entry: Entry) => boolean;

export function readRelations(
  tree: Tree | undefined,
  known: Known,
  reading: Reading,
): readonly Draft<RelationSpec>[] {
  const drafts = entriesOf(tree).map((entry) => readRelation(entry, known, reading));
  reportTwice(drafts, "duplicate-relation", formatQualified, reading);
  return drafts;
}

function readRelation(entry: Entry, known: Known, reading: Reading): Draft<RelationSpec> {
  const { key: written, keyAt: at, value } = entry;
  const pattern = readRelationPattern(written, reading.schema);
  const name = pattern ?? readRelationName(written, reading.schema, at, reading.issues);
  const fields = fieldsOf(value);
  const scope = scopeOf(written, fields, readCandidates(fields.get("insert"), reading), reading);
  return {
    spec: {
      ...(name ?? { schema: reading.schema, name: written }),
      at,
      ...commonOf(fields, scope),
      candidates: sound(scope.candidates),
      raises: fields.has("raises") ? readRaises(fields) : undefined,
      observed: fields.has("observed") || undefined,
    },
    scope,
    claims: readExpect(fields.get("expect"), known, (one) => readClaims(one, scope)),
    isPattern: pattern !== undefined,
  };
}

export function readFunctions(
  tree: Tree | undefined,
  known: Known,
  reading: Reading,
): readonly Draft<FunctionSpec>[] {
  const drafts = entriesOf(tree).map((entry) => readFunction(entry, known, reading));
  reportTwice(drafts, "duplicate-function", formatFunction, reading);
  return drafts;
}

function readFunction(entry: Entry, known: Known, reading: Reading): Draft<FunctionSpec> {
  const { key: written, keyAt: at, value } = entry;
  const name = readFunctionName(written, reading.schema, at, reading.issues);
  const fields = fieldsOf(value);
  const calls = fields.get("calls");
  const declared = calls === undefined ? withoutArguments(at) : readCandidates(calls, reading);
  const scope = scopeOf(written, fields, declared, reading);
  return {
    spec: {
      ...(name ?? { schema: reading.schema, name: written, signature: undefined }),
      at,
      ...commonOf(fields, scope),
      raises: readRaises(fields),
      calls: sound(scope.candidates).map((call) => ({
        name: call.name,
        arguments: call.values,
        at: call.at,
      })),
    },
    scope,
    claims: readExpect(fields.get("expect"), known, (one) => readCallClaims(one, scope)),
    isPattern: false,
  };
}

function readRaises(fields: Fields): readonly string[] {
  return textsOf(fields.get("raises")?.value).map(({ text }) => text);
}

/** The call of a function that declares none. */
function withoutArguments(at: SourcePosition): ReadonlyMap<string, Declared<Candidate>> {
  return new Map([["call", { value: { name: "call", values: {}, at }, uses: [] }]]);
}

function scopeOf(
  name: string,
  fields: Fields,
  candidates: ReadonlyMap<string, Declared<Candidate>>,
  reading: Reading,
): Scope {
  const rowSets = new Names(readRowSets(fields.get("rows"), reading));
  return { ...reading, name, rowSets, candidates: new Names(candidates) };
}

function commonOf(
  fields: Fields,
  scope: Scope,
): Pick<RelationSpec, "key" | "control" | "carries" | "survives" | "rowSets"> {
  const key = fields.get("key");
  return {
    key: key && textsOf(key.value).map(({ text }) => text),
    control: readControl(fields.get("control"), scope),
    carries: fields.has("carries")
      ? textsOf(fields.get("carries")?.value).map(({ text }) => text)
      : undefined,
    survives: textOf(fields.get("survives")?.value),
    rowSets: sound(scope.rowSets),
  };
}

function sound<T>(names: Names<Declared<T>>): readonly T[] {
  return names.values.flatMap(({ value }) => value ?? []);
}

function readControl(entry: Entry | undefined, { schema, issues }: Reading): ControlSource | undefined {
  const from = fieldsOf(entry?.value).get("from")?.value;
  const text = textOf(from);
  if (from === undefined || text === undefined) return undefined;
  const name = readRelationName(text, schema, from.at, issues);
  return name && { from: name, at: from.at };
}

function readRowSets(entry: Entry | undefined, { issues }: Reading): ReadonlyMap<string, Declared<RowSet>> {
  return new Map(
    entriesOf(entry?.value).map(({ key: name, value }) => {
      const predicate = readPredicate(value, `row set \`${name}\``, issues);
      const rowSet = predicate && { name, predicate: predicate.sql, at: value.at };
      return [name, { value: rowSet, uses: predicate?.uses ?? [] }];
    }),
  );
}

/** Name → column or argument → value. */
function readCandidates(
  entry: Entry | undefined,
  { issues }: Reading,
): ReadonlyMap<string, Declared<Candidate>> {
  return new Map(
    entriesOf(entry?.value).map(({ key: name, value }) => {
      const read = value.kind === "map" ? issues.clean(() => readColumnValues(value, issues)) : undefined;
      const candidate = read && { name, values: read.values, at: value.at };
      return [name, { value: candidate, uses: read?.uses ?? [] }];
    }),
  );
}

function reportTwice<Spec extends QualifiedName & { readonly at: SourcePosition }>(
  drafts: readonly { readonly spec: Spec }[],
  code: "duplicate-relation" | "duplicate-function",
  format: (spec: Spec) => string,
  { issues }: Reading,
): void {
  const first = new Map<string, SourcePosition>();
  for (const { spec } of drafts) {
    const before = first.get(nameKey(spec));
    if (before === undefined) first.set(nameKey(spec), spec.at);
    else issues.report(code, spec.at, `${format(spec)} is declared twice; first in line ${before.line}`);
  }
}

const place = ({ line, column }: SourcePosition): string => `${line}:${column}`;

/** Relations that are like one template share its row sets: there it is enough that one of them uses each. */
export function reportUnusedRowSets(scopes: readonly Scope[]): void {
  const used = new Set(
    scopes.flatMap(({ rowSets }) =>
      rowSets.values.flatMap(({ value }) =>
        value === undefined || rowSets.unused.has(value.name) ? [] : place(value.at),
      ),
    ),
  );
  for (const scope of scopes) reportUnusedOf(scope, ({ at }) => !used.has(place(at)));
}

function reportUnusedOf({ name, rowSets, issues }: Scope, isUnused: (rowSet: RowSet) => boolean): void {
  for (const [rowSet, { value }] of rowSets.unused) {
    if (value === undefined || !isUnused(value)) continue;
    const message = `no expectation of \`${name}\` uses the row set \`${rowSet}\``;
    issues.report("unused-row-set", value.at, message, "use it in an expectation, or delete it");
  }
}

/** Relations and functions (`find(uuid)`) that are left out on purpose: none that is declared, and each once. */
export function readWaivers(
  tree: Tree | undefined,
  relations: readonly Draft<RelationSpec>[],
  functions: readonly Draft<FunctionSpec>[],
  reading: Reading,
): Pick<Matrix, "waivedRelations" | "waivedFunctions" | "waivedChanges"> {
  const { issues } = reading;
  const declared = new Map([...relations, ...functions].map(({ spec }) => [nameKey(spec), spec.at]));
  const seen = new Set<string>();
  const entries = entriesOf(tree);
  const waivedChanges = entries.flatMap((entry): readonly ChangeWaiver[] => {
    const change = changeIn(entry.key);
    const waiver = waiverIn(entry);
    return change === undefined || waiver === undefined ? [] : [{ change, ...waiver, at: entry.keyAt }];
  });
  const waivers = entries.flatMap((entry) => {
    const { key, keyAt: at } = entry;
    if (changeIn(key) !== undefined) return [];
    const read = key.trimEnd().endsWith(")") ? readFunctionName : readRelationName;
    const name: (QualifiedName & Partial<FunctionName>) | undefined = read(key, reading.schema, at, issues);
    const waiver = waiverIn(entry);
    if (name === undefined) return [];
    const shown = name.signature === undefined ? formatQualified(name) : key;
    const line = declared.get(nameKey(name))?.line;
    if (line !== undefined) {
      const message = `${shown} is waived here and declared in line ${line}`;
      issues.report(
        "declared-and-waived",
        at,
        message,
        "a relation or function is either probed or left out",
      );
    }
    if (seen.has(nameKey(name))) issues.report("duplicate-relation", at, `${shown} is waived twice`);
    seen.add(nameKey(name));
    return waiver === undefined ? [] : [{ ...name, ...waiver, at }];
  });
  return {
    waivedRelations: waivers.filter(({ signature }) => signature === undefined),
    waivedFunctions: waivers.flatMap(({ signature, ...one }) =>
      signature === undefined ? [] : { ...one, signature },
    ),
    waivedChanges,
  };
}

function waiverIn({ key, keyAt, value }: ReturnType<typeof entriesOf>[number]): Waiver | undefined {
  return readWaiver(new Map([["waive", { key, keyAt, value }]]))?.waiver;
}

/** `gate: authenticated is a member of auditor`: no relation is called so unless it is quoted. */
function changeIn(key: string): string | undefined {
  return /^gate:\s*(\S.*?)\s*$/s.exec(key)?.[1];
}
