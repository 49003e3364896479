import type { Waiver } from "../model/matrix.ts";
import type { Head } from "./heads.ts";
import { candidates, namedRows, readAllow, readCandidates, readDeny, readRows } from "./heads.ts";
import { readColumnRules } from "./column-rules.ts";
import { readColumns, readNever } from "./moves.ts";
import { didYouMean, listNames, nearest } from "../lib/nearest.ts";
import type { RelationScope, Said } from "./scope.ts";
import type { Form, Target } from "./forms.ts";
import { formOfKey, formsOf } from "./forms.ts";
import type { Entry, MapTree, ScalarTree } from "../yaml/tree.ts";
import { describe, textOf } from "../yaml/tree.ts";
import { readWaiver } from "./waivers.ts";

/** What an operation's value says, in whichever of its forms it is written. */
export function readSaid(target: Target, { keyAt, value }: Entry, scope: RelationScope): Said | undefined {
  if (value.kind === "map") return readMapping(target, value, { key: target, keyAt, value }, scope);
  if (value.kind === "list" || textOf(value) === undefined) {
    const message = `\`${target}\` must say ${ways(target)}; found ${describe(value)}`;
    scope.issues.report("matrix/wrong-type", value.at, message);
    return undefined;
  }
  const head = readWord(target, value, scope);
  return head && { ...head, set: undefined, never: [], columns: [], waiver: undefined, at: value.at };
}

function readWord(target: Target, { value, at }: ScalarTree, scope: RelationScope): Head | undefined {
  const word = String(value);
  if (word === "allow") return { expectation: { kind: "allow" }, uses: [] };
  if (word === "deny") return { expectation: { kind: "deny", reason: undefined }, uses: [] };
  const forms = formsOf[target];
  if (forms.includes("candidates")) return candidates([{ text: word, at }], [], scope);
  if (forms.includes("rows")) return namedRows(word, at, scope, ["allow", "deny"]);
  const meant = didYouMean(nearest(word, ["allow", "deny"]));
  scope.issues.report(
    "matrix/bad-value",
    at,
    `\`${target}\` is \`allow\` or \`deny\`, not \`${word}\`${meant}`,
  );
  return undefined;
}

export type Fields = ReadonlyMap<string, Entry>;

function readMapping(target: Target, map: MapTree, home: Entry, scope: RelationScope): Said | undefined {
  checkKeys(target, map, scope);
  const fields: Fields = new Map(map.entries.map((entry) => [entry.key, entry]));
  const head = readHead(target, fields, home, scope);
  const set = readColumns(fields.get("set"), "`set`", scope);
  const never = readNever(fields.get("never"), scope);
  const rules = readColumnRules(fields.get("columns"), scope);
  const waive = fields.get("waive");
  const waiver: Waiver | undefined =
    waive && readWaiver(waive.value, "the waiver", waive.keyAt, scope.today, scope.issues);
  const uses = [
    ...(head?.uses ?? []),
    ...(set?.uses ?? []),
    ...never.flatMap((move) => move.uses),
    ...rules.flatMap((rule) => rule.uses),
  ];
  const moves = never.map((move) => move.candidate);
  const columns = rules.map(({ rule }) => rule);
  if (head === undefined || (rules.length > 0 && isDenied(head, fields, scope))) return undefined;
  return { expectation: head.expectation, set: set?.values, never: moves, columns, waiver, at: map.at, uses };
}

/** A relation that shows no row shows no column either. */
export function isDenied({ expectation }: Head, fields: Fields, { issues }: RelationScope): boolean {
  const at = fields.get("columns")?.keyAt;
  if (expectation.kind !== "deny" || at === undefined) return false;
  const message = "`columns` says what the declared rows show, and `deny` declares none";
  issues.report("matrix/misplaced-key", at, message, "write it beside `allow` or `rows`");
  return true;
}

function checkKeys(target: Target, map: MapTree, { issues }: RelationScope): void {
  const fits = (form: Form | "waive"): boolean => form === "waive" || formsOf[target].includes(form);
  const known = Object.keys(formOfKey).filter((key) => fits(formOfKey[key] ?? "waive"));
  for (const { key, keyAt } of map.entries) {
    const form = Object.hasOwn(formOfKey, key) ? formOfKey[key] : undefined;
    if (form === undefined) {
      const meant = didYouMean(nearest(key, Object.keys(formOfKey)));
      const message = `unknown key \`${key}\` in \`${target}\`${meant}`;
      issues.report("matrix/unknown-key", keyAt, message, `keys: ${listNames(known)}`);
    } else if (!fits(form)) {
      const owners = Object.entries(formsOf).filter(([, forms]) => forms.some((other) => other === form));
      const message = `\`${key}\` does not apply to \`${target}\``;
      const hint = `it belongs to ${listNames(owners.map(([owner]) => owner).filter((owner) => owner !== "*"))}`;
      issues.report("matrix/misplaced-key", keyAt, message, hint);
    }
  }
}

function readHead(target: Target, fields: Fields, home: Entry, scope: RelationScope): Head | undefined {
  const [allow, deny, rows] = ["allow", "deny", "rows"].map((key) => fields.get(key));
  const accept = fields.get("accept");
  const reject = fields.get("reject");
  const candidate = accept ?? reject;
  const heads = [allow, deny, rows, candidate].filter((entry) => entry !== undefined);
  if (heads.length !== 1) {
    const names = heads.map(({ key }) => `\`${key}\``).join(" and ");
    const says = heads.length === 0 ? "says neither of" : `says ${names} at once: it must be one of`;
    const message = `\`${target}\` ${says} ${ways(target)}`;
    const code = heads.length === 0 ? "matrix/missing-key" : "matrix/ambiguous-expectation";
    scope.issues.report(code, heads[1]?.keyAt ?? home.keyAt, message);
    return undefined;
  }
  if (allow !== undefined) return readAllow(allow, scope);
  if (deny !== undefined) return readDeny(deny, scope);
  if (rows !== undefined) return formsOf[target].includes("rows") ? readRows(rows, scope) : undefined;
  return formsOf[target].includes("candidates") ? readCandidates(accept, reject, scope) : undefined;
}

function ways(target: Target): string {
  const forms = formsOf[target];
  if (forms.includes("candidates")) return "`allow`, `deny` or candidates";
  return forms.includes("rows") ? "`allow`, `deny` or a row set" : "`allow` or `deny`";
}
