import { createHash } from "node:crypto";
import { channels } from "../model/channels.ts";
import { IssuesError } from "../model/errors.ts";
import {
  type Declaration,
  type FunctionSpec,
  type Matrix,
  relationOperations,
  type RelationSpec,
} from "../model/matrix.ts";
import { checkShape } from "../yaml/check-shape.ts";
import { collectIssues, type Issues } from "../yaml/issues.ts";
import { readYaml } from "../yaml/read-yaml.ts";
import {
  entriesOf,
  type Entry,
  fieldsOf,
  type MapTree,
  type ScalarTree,
  textOf,
  textsOf,
  type Tree,
} from "../yaml/tree.ts";
import { type Identities, readIdentities } from "./identities.ts";
import { ParameterCheck } from "./parameters.ts";
import { type Resolution, resolve } from "./precedence.ts";
import { type Draft, readFunctions, readRelations, readWaivers, reportUnusedRowSets } from "./relations.ts";
import type { Reading } from "./scope.ts";
import { matrixShape } from "./shapes.ts";
import { applyTemplates, onceInTemplates } from "./templates.ts";
import { readTextual, scalarsOf } from "./values.ts";
import { formNames, forms, formsOn, type Target } from "./forms.ts";

const kind = { noun: "matrix", begins: "matrix: <name>" };

/**
 * The text of a matrix file → the matrix.
 * @param file the path as a person would write it: it is part of every position
 * @param today `YYYY-MM-DD`, for examples in hints: the run decides whether a waiver has expired
 * @throws IssuesError `matrix/invalid`, with every mistake in the matrix at once
 */
export function parseMatrix(text: string, file: string, today: string): Matrix {
  const issues = collectIssues("matrix");
  const root = readYaml(text, file, kind, issues);
  const body = root && readMatrix(root, today, issues);
  const found = root === undefined ? issues.list() : onceInTemplates(issues.list(), root);
  if (found.length > 0 || body === undefined) {
    const count = found.length === 1 ? "1 mistake" : `${found.length} mistakes`;
    throw new IssuesError("matrix/invalid", `${file}: ${count} in the matrix`, found);
  }
  return { ...body, file, sha256: createHash("sha256").update(text, "utf8").digest("hex") };
}

/** Shorthands are normalised, then the shape is checked, then what the names mean. Whole only when nothing was reported. */
function readMatrix(written: MapTree, today: string, issues: Issues): Omit<Matrix, "file" | "sha256"> {
  checkSubstitutions(written, issues);
  const { tree: root, broken } = checkShape(
    applyTemplates(normalise(written), issues),
    matrixShape,
    "the matrix",
    issues,
    { today },
  );
  const fields = fieldsOf(root);
  const at = (key: string): Tree | undefined => fields.get(key)?.value;
  const schema = textOf(at("schema")) ?? "public";
  const reading: Reading = { issues, broken, schema };
  const vars = Object.fromEntries(
    entriesOf(at("vars")).map(({ key, value }) => [key, readTextual(value, issues)]),
  );
  const identities = readIdentities(at("personas"), at("groups"), reading);
  const known: Parameters<typeof readRelations>[1] = (entry) => identities.use(entry);
  const relations = readRelations(at("relations"), known, reading);
  const functions = readFunctions(at("functions"), known, reading);
  if (!fields.has("relations") && !fields.has("functions"))
    issues.report("missing-key", root.at, "the matrix has no `relations`");
  else identities.reportUnusedGroups();
  const declared = declare(relations, functions, identities, vars, issues);
  reportUnusedRowSets([...relations, ...functions].map(({ scope }) => scope));
  const speaks = new Set(textsOf(at("channels")).map((one) => one.text));
  const exposes = fields.has("exposes") ? textsOf(at("exposes")).map((one) => one.text) : [schema];
  return {
    name: textOf(at("matrix")) ?? "",
    schema,
    exposes,
    exposesAt: (at("exposes") ?? at("matrix") ?? root).at,
    channels: fields.has("channels") ? channels.filter((channel) => speaks.has(channel)) : channels,
    policies: textOf(at("policies")),
    seed: textOf(at("seed")),
    vars,
    personas: [...identities.personas.values()].filter((persona) => persona !== undefined),
    ...declared,
    ...readWaivers(at("waive"), relations, functions, reading),
  };
}

/** What holds for each persona, checked to have a value for each parameter. */
function declare(
  relations: readonly Draft<RelationSpec>[],
  functions: readonly Draft<FunctionSpec>[],
  identities: Identities,
  vars: Matrix["vars"],
  issues: Issues,
): Pick<Matrix, "relations" | "patterns" | "functions"> {
  const check = new ParameterCheck(identities.personas, vars, issues);
  const declareOne = ({ spec, scope, claims }: Draft<RelationSpec>): RelationSpec => {
    const resolution = resolve(claims, identities, issues);
    check.relation(scope, resolution.audiences);
    return withDeclarations(spec, resolution);
  };
  const functionSpecs = functions.map(({ spec, scope, claims }): FunctionSpec => {
    const resolution = resolve(claims, identities, issues);
    check.function(scope, resolution.audiences);
    return withDeclarations(spec, resolution);
  });
  const of = (isPattern: boolean): readonly RelationSpec[] =>
    relations.filter((one) => one.isPattern === isPattern).map(declareOne);
  return { relations: of(false), patterns: of(true), functions: functionSpecs };
}

function withDeclarations<Spec extends object>(
  spec: Spec,
  { declarations }: Resolution,
): Spec & { readonly declarations: readonly Declaration[] } {
  return {
    ...spec,
    get declarations() {
      return declarations();
    },
  };
}

/** `${…}` is read in a persona's `token` and nowhere else: elsewhere it would be sent to the database literally. */
function checkSubstitutions(root: MapTree, issues: Issues): void {
  const personas = entriesOf(fieldsOf(root).get("personas")?.value);
  const tokens = new Set(personas.map(({ value }) => fieldsOf(value).get("token")?.value));
  for (const scalar of scalarsOf(root)) {
    if (tokens.has(scalar) || !/\$\{[^}]*\}/.test(textOf(scalar) ?? "")) continue;
    const hint = "a matrix says the same on every machine: use `vars:`, or write the value";
    issues.report("substitution", scalar.at, "`${…}` is read in `token:` only", hint);
  }
}

/**
 * Spells shorthands out, so that what follows knows one way to write each thing: an expectation is a mapping of operations, a
 * statement a mapping of keys, `columns` and `raises` are lists. Each node keeps its place; what is no shorthand stays as it is.
 */
export function normalise(root: MapTree): MapTree {
  return mapped(root, {
    relations: relationsOf,
    templates: relationsOf,
    functions: (functions) => eachEntry(functions, (one) => mapped(one, { expect: calls, raises: asList })),
  });
}

function relationsOf(relations: Tree): Tree {
  return eachEntry(relations, (relation) => mapped(relation, { expect: expectations, raises: asList }));
}

const operations: readonly string[] = [...relationOperations, "*"];
const formKeys: ReadonlySet<string> = new Set(formNames.flatMap((form) => Object.keys(forms[form].keys)));

/** `<who>: deny` and `<who>: { deny: grant }` → `<who>: { '*': { deny: … } }`. */
function expectations(expect: Tree): Tree {
  return eachEntry(expect, (value) => {
    const word = textOf(value);
    if (word === "allow" || word === "deny") return single("*", statement("*", value), value);
    const keys = entriesOf(value).map(({ key }) => key);
    const direct = keys.some((key) => formKeys.has(key)) && !keys.some((key) => operations.includes(key));
    const each = direct ? single("*", value, value) : withMarks(value);
    return mapTree(each, ({ key, value: one }) => (isTarget(key) ? statement(key, one) : one));
  });
}

/** `<who>: { observed: true, select: own }`: each of the operations is marked. */
function withMarks(value: Tree): Tree {
  const mark = entriesOf(value).find(({ key }) => key === "observed");
  if (mark === undefined || value.kind !== "map") return value;
  const others = { ...value, entries: value.entries.filter((one) => one !== mark) };
  return mapTree(others, ({ key, value: one }) => {
    if (!isTarget(key)) return one;
    const spelled = statement(key, one);
    const isMarked = spelled.kind !== "map" || spelled.entries.some((entry) => entry.key === "observed");
    return isMarked ? spelled : { ...spelled, entries: [...spelled.entries, mark] };
  });
}

function calls(expect: Tree): Tree {
  return eachEntry(expect, (value) => statement("execute", value));
}

/** A word → the mapping that it abbreviates; a single column rule → a list of one. */
function statement(target: Target, value: Tree): Tree {
  const on = formsOn(target);
  if (value.kind !== "scalar") return on.includes("columns") ? mapped(value, { columns: asList }) : value;
  const word = textOf(value);
  if (word === undefined) return value;
  if (word === "allow" || word === "deny") return single(word, { ...value, value: true }, value);
  if (on.includes("candidates")) return single("accept", asList(value), value);
  const alone: ScalarTree = { ...value, alone: true };
  return on.includes("rows") ? single("rows", alone, value) : value;
}

function isTarget(key: string): key is Target {
  return operations.includes(key);
}

/** A mapping of one entry, in the place of a node. */
function single(key: string, value: Tree, { at }: Tree): MapTree {
  return { kind: "map", entries: [{ key, keyAt: at, value }], at };
}

function asList(tree: Tree): Tree {
  return tree.kind === "list" ? tree : { kind: "list", items: [tree], at: tree.at };
}

/** The tree with some of its entries replaced. */
function mapped<T extends Tree>(tree: T, by: Readonly<Record<string, (value: Tree) => Tree>>): T {
  return mapTree(tree, ({ key, value }) => (Object.hasOwn(by, key) ? (by[key]?.(value) ?? value) : value));
}

function eachEntry<T extends Tree>(tree: T, change: (value: Tree) => Tree): T {
  return mapTree(tree, ({ value }) => change(value));
}

function mapTree<T extends Tree>(tree: T, change: (entry: Entry) => Tree): T {
  if (tree.kind !== "map") return tree;
  return { ...tree, entries: tree.entries.map((entry) => ({ ...entry, value: change(entry) })) };
}
