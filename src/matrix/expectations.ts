import type { Operation } from "../model/matrix.ts";
import { relationOperations } from "../model/matrix.ts";
import { expectMap } from "./fields.ts";
import { didYouMean, listNames, nearest } from "../lib/nearest.ts";
import { readSaid } from "./said.ts";
import type { Claim, ExpectEntry, RelationScope, Said } from "./scope.ts";
import type { Entry, MapTree } from "../yaml/tree.ts";
import { describe, textOf } from "../yaml/tree.ts";

/** What a shorthand and `*` speak of; the blind forms of update and delete follow them. */
const covered = ["select", "insert", "update", "delete"] as const;
const blindOf = { update: "blind_update", delete: "blind_delete" } as const;

/** One entry under `expect`: `<who>: allow | deny | { <operation>: … }`. */
function readExpectEntry(entry: Entry, scope: RelationScope): ExpectEntry {
  const { key: who, keyAt: at, value } = entry;
  const claims = value.kind === "map" ? readOperations(entry, value, scope) : readShorthand(entry, scope);
  return { who, at, claims };
}

function readShorthand({ key, value }: Entry, scope: RelationScope): ReadonlyMap<Operation, Claim> {
  const word = textOf(value);
  if (word === "allow" || word === "deny") {
    const expectation =
      word === "allow" ? ({ kind: "allow" } as const) : ({ kind: "deny", reason: undefined } as const);
    return cover({
      expectation,
      set: undefined,
      never: [],
      columns: [],
      waiver: undefined,
      at: value.at,
      uses: [],
    });
  }
  const found = word === undefined ? describe(value) : `\`${word}\``;
  const meant = didYouMean(word === undefined ? undefined : nearest(word, ["allow", "deny"]));
  const message = `\`${key}\` must be \`allow\`, \`deny\` or a mapping of operations; found ${found}${meant}`;
  const hint = word !== undefined && scope.rowSets.has(word) ? `as in \`{ select: ${word} }\`` : undefined;
  if (hint !== undefined && word !== undefined) scope.usedRowSets.add(word);
  scope.issues.report(word === undefined ? "matrix/wrong-type" : "matrix/bad-value", value.at, message, hint);
  return new Map();
}

function readOperations(
  { key, keyAt }: Entry,
  map: MapTree,
  scope: RelationScope,
): ReadonlyMap<Operation, Claim> {
  const { issues } = scope;
  if (map.entries.length === 0) {
    issues.report("matrix/empty", keyAt, `\`${key}\` says nothing`, "name an operation, or write `deny`");
  }
  const claims = new Map<Operation, Claim>();
  for (const entry of map.entries) {
    if (entry.key === "*") continue;
    const operation = relationOperations.find((known) => known === entry.key);
    if (operation !== undefined) {
      claims.set(operation, { said: issues.clean(() => readSaid(operation, entry, scope)), declared: true });
      continue;
    }
    const meant = didYouMean(nearest(entry.key, relationOperations));
    const hint =
      entry.key === "execute"
        ? "a function is declared under `functions:`"
        : `operations: ${listNames([...relationOperations, "*"], 9)}`;
    issues.report("matrix/unknown-key", entry.keyAt, `unknown operation \`${entry.key}\`${meant}`, hint);
  }
  const star = map.entries.find((entry) => entry.key === "*");
  return star === undefined ? claims : readStar(star, claims, scope);
}

function readStar(
  star: Entry,
  listed: ReadonlyMap<Operation, Claim>,
  scope: RelationScope,
): ReadonlyMap<Operation, Claim> {
  const said = scope.issues.clean(() => readSaid("*", star, scope));
  if (said?.expectation.kind === "rows" && !listed.has("insert")) {
    const message = "`*` covers insert here, and insert takes no row set";
    scope.issues.report("matrix/misplaced-key", said.at, message, "list `insert:` beside it");
  }
  return new Map([...cover(said, listed), ...listed]);
}

/** The operations that are not listed get what is said of all; the blind forms get what their operation got. */
function cover(
  said: Said | undefined,
  listed: ReadonlyMap<Operation, Claim> = new Map(),
): ReadonlyMap<Operation, Claim> {
  const claims = new Map<Operation, Claim>();
  for (const operation of covered) {
    claims.set(operation, { said, declared: true });
  }
  for (const operation of ["update", "delete"] as const) {
    const own = (listed.get(operation) ?? claims.get(operation))?.said;
    const followed = own && { ...own, set: undefined, never: [], columns: [], uses: [] };
    claims.set(blindOf[operation], { said: followed, declared: false });
  }
  return claims;
}

/** The entries under `expect`; those that name nobody are reported by `known` and left out. */
export function readExpect(
  entry: Entry | undefined,
  known: (entry: Entry) => boolean,
  scope: RelationScope,
  readEntry: (entry: Entry, scope: RelationScope) => ExpectEntry = readExpectEntry,
): readonly ExpectEntry[] {
  const map = entry && expectMap(entry.value, `\`expect\` of \`${scope.relation}\``, scope.issues);
  const all = (map?.entries ?? []).map((item) => ({ item, read: readEntry(item, scope) }));
  return all.filter(({ item }) => known(item)).map(({ read }) => read);
}
