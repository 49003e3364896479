import { channels as allChannels } from "../model/channels.ts";
import type { SourcePosition } from "../model/errors.ts";
import type { Matrix } from "../model/matrix.ts";
import { formatQualified } from "../lib/sql-text.ts";
import { checkCalls } from "./check-calls.ts";
import { checkParameters } from "./check-parameters.ts";
import { checkUnused } from "./check-unused.ts";
import { checkName, expectMap, readFields, readLeaf, readTexts } from "./fields.ts";
import { readFunctions } from "./functions.ts";
import type { Groups } from "./groups.ts";
import { readGroups } from "./groups.ts";
import { readChannels } from "./read-channels.ts";
import type { Issues } from "../yaml/issues.ts";
import { didYouMean, listNames, nearest } from "../lib/nearest.ts";
import type { Personas } from "./personas.ts";
import { readPersonas } from "./personas.ts";
import { resolveExpectations } from "./precedence.ts";
import { declaring } from "./declarations.ts";
import { relationKey } from "./relation-name.ts";
import type { RelationDraft } from "./relations.ts";
import { readRelations } from "./relations.ts";
import { keysOf } from "./shapes.ts";
import { toFunctionSpec, toSpec } from "./specs.ts";
import { checkSubstitutions } from "./substitutions.ts";
import type { Entry, MapTree } from "../yaml/tree.ts";
import { readTextual } from "./values.ts";
import { readRelationWaivers } from "./waivers.ts";

type Fields = ReadonlyMap<string, Entry>;

/** The tree → the matrix. What it returns is whole only when nothing was reported. */
export function readMatrix(root: MapTree, today: string, issues: Issues): Omit<Matrix, "file" | "sha256"> {
  checkSubstitutions(root, issues);
  const fields = readFields(root, keysOf.matrix, "the matrix", root.at, issues) ?? new Map<string, Entry>();
  const leaf = (key: string, kind: "matrixName" | "text"): string | undefined => {
    const node = fields.get(key)?.value;
    return node && readLeaf(node, kind, `\`${key}\``, issues);
  };
  const schema = leaf("schema", "text") ?? "public";
  const exposes = fields.get("exposes");
  const exposed = exposes && readTexts(exposes.value, "`exposes`", issues)?.map(({ text }) => text);
  const channels = fields.get("channels");
  const vars = readVars(fields.get("vars"), issues);
  const personasEntry = fields.get("personas");
  const personas: Personas = personasEntry === undefined ? new Map() : readPersonas(personasEntry, issues);
  const waivedRelations = readRelationWaivers(fields.get("waive"), schema, today, issues);
  return {
    name: leaf("matrix", "matrixName") ?? "",
    schema,
    exposes: exposed ?? [schema],
    channels: (channels && readChannels(channels, issues)) ?? allChannels,
    policies: leaf("policies", "text"),
    vars,
    personas: [...personas.values()].filter((persona) => persona !== undefined),
    ...readBody(fields, { schema, today, personas, vars, waivedRelations, at: root.at }, issues),
    waivedRelations,
  };
}

function readVars(entry: Entry | undefined, issues: Issues): Matrix["vars"] {
  const map = entry && expectMap(entry.value, "`vars`", issues);
  for (const item of map?.entries ?? []) checkName(item, "a var", issues, "varName");
  return Object.fromEntries((map?.entries ?? []).map(({ key, value }) => [key, readTextual(value, issues)]));
}

interface Head extends Pick<Matrix, "schema" | "vars" | "waivedRelations"> {
  readonly today: string;
  readonly personas: Personas;
  readonly at: SourcePosition;
}

function readBody(fields: Fields, head: Head, issues: Issues): Pick<Matrix, "relations" | "functions"> {
  const { personas, today, vars } = head;
  const relations = fields.get("relations");
  const meant = new Set<string>();
  const groups = readGroups(fields.get("groups"), personas, meant, issues);
  const called = fields.get("functions");
  if (relations === undefined && called === undefined) {
    issues.report("matrix/missing-key", head.at, "the matrix has no `relations`");
    return { relations: [], functions: [] };
  }
  const known = (entry: Entry): boolean => isKnown(entry, personas, groups, meant, issues);
  const reading = { defaultSchema: head.schema, today, issues, known };
  const drafts = relations === undefined ? [] : readRelations(relations, reading);
  const functions = readFunctions(called, reading);
  const declarationsOf = declaring();
  const specs = drafts.map((draft) => {
    const resolved = resolveExpectations(draft.expect, personas.keys(), groups, issues);
    checkParameters(draft.scope, resolved, personas, vars, issues);
    return toSpec(draft, declarationsOf(resolved));
  });
  const functionSpecs = functions.map((draft) => {
    const resolved = resolveExpectations(draft.expect, personas.keys(), groups, issues);
    checkCalls(draft, resolved, personas, vars, issues);
    return toFunctionSpec(draft, declarationsOf(resolved));
  });
  checkUnused([...drafts, ...functions], personas, placesOf(fields.get("personas")), groups, meant, issues);
  checkWaived(drafts, head, issues);
  return { relations: specs, functions: functionSpecs };
}

function isKnown(
  entry: Entry,
  personas: Personas,
  groups: Groups,
  meant: Set<string>,
  issues: Issues,
): boolean {
  const { key, keyAt } = entry;
  if (key === "*" || personas.has(key) || groups.has(key)) return true;
  // Without a list of personas every name would be unknown.
  if (personas.size === 0) return false;
  const names = [...personas.keys(), ...groups.keys()];
  const near = nearest(key, names);
  if (near !== undefined) meant.add(near);
  const message = `\`${key}\` is neither persona nor group${didYouMean(near)}`;
  issues.report("matrix/unknown-persona", keyAt, message, `known: ${listNames(names, 12)}`);
  return false;
}

function placesOf(entry: Entry | undefined): ReadonlyMap<string, Entry["keyAt"]> {
  const entries = entry?.value.kind === "map" ? entry.value.entries : [];
  return new Map(entries.map(({ key, keyAt }) => [key, keyAt]));
}

function checkWaived(drafts: readonly RelationDraft[], { waivedRelations }: Head, issues: Issues): void {
  const declared = new Map(drafts.map((draft) => [relationKey(draft), draft]));
  const seen = new Set<string>();
  for (const waiver of waivedRelations) {
    const key = relationKey(waiver);
    const draft = declared.get(key);
    const called = formatQualified(waiver);
    if (draft !== undefined) {
      const message = `${called} is waived here and declared in line ${draft.at.line}`;
      issues.report(
        "matrix/declared-and-waived",
        waiver.at,
        message,
        "a relation is either probed or left out",
      );
    }
    if (seen.has(key)) issues.report("matrix/duplicate-relation", waiver.at, `${called} is waived twice`);
    seen.add(key);
  }
}
