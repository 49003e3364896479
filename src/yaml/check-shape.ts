import { z } from "zod";
import { didYouMean, listNames, nearest } from "../lib/nearest.ts";
import type { SourcePosition } from "../model/errors.ts";
import { type IssueCode, type Issues, issueCodes } from "./issues.ts";
import { describe, type ListTree, type MapTree, type ScalarTree, textOf, type Tree } from "./tree.ts";

/** What messages say of a shape, besides what the shape itself says. */
export interface ShapeWords {
  /** What a value is: `must be <is>`; default: by the shape, as `a mapping`. */
  readonly is?: string;
  readonly hint?: string;
  /** What the entries of a mapping are called: `persona`, as in "persona `ana`". */
  readonly entry?: string;
  /** What its keys name: `a persona`. Without it, keys are not checked: who reads them says more. */
  readonly keys?: string;
  /** Words that are shorthands of a mapping. */
  readonly words?: readonly string[];
  /** What to do about an empty mapping; without it, one may be empty. */
  readonly empty?: string;
  /** Unknown keys that people write → what to write; default: the list of keys. */
  readonly unknown?: Readonly<Record<string, string>>;
  /** Known keys that belong elsewhere → where. */
  readonly elsewhere?: Readonly<Record<string, string>>;
  /** Of an enum: what its values are, as `reason`. Only then may a message repeat a value, which may be a secret. */
  readonly values?: string;
  /** The code of a bad value. */
  readonly code?: IssueCode;
  /** A list holds each text once. */
  readonly once?: boolean;
}

/** Messages about shapes. A separate registry, so that none of it gets into a JSON Schema. */
export const shapeWords: z.core.$ZodRegistry<ShapeWords> = z.registry<ShapeWords>();

/** A node's position: what a message calls it, and where to point when something is missing in it. */
interface Place {
  readonly what: string;
  readonly home: SourcePosition;
  /** The nearest entry with a name, and the keys from there: "`select.deny` of `ana`". */
  readonly owner?: string;
  readonly path: readonly string[];
}

/** A tree whose shape was checked. */
export interface Checked {
  /** The tree without the values that were reported: in their places is nothing. */
  readonly tree: Tree;
  /** Nodes that hold a mistake, or lie around one. */
  readonly broken: ReadonlySet<Tree>;
}

/**
 * Checks a tree against its shape: each mistake is reported at its own place. (zod's own check of a whole file loses that
 * place in unions, so each union's variant is chosen here by the kind of the node.)
 * @param replace `{today}` in a hint → text
 */
export function checkShape(
  root: Tree,
  shape: z.ZodType,
  what: string,
  issues: Issues,
  replace: Readonly<Record<string, string>> = {},
): Checked {
  const checker = new Checker(issues, replace);
  checker.check(root, shape, { what, home: root.at, path: [] });
  return { tree: checker.without(root), broken: checker.broken };
}

function below(place: Place, key: string, home: SourcePosition): Place {
  const path = [...place.path, key];
  const name = `\`${path.join(".")}\``;
  return { ...place, path, home, what: place.owner === undefined ? name : `${name} of \`${place.owner}\`` };
}

class Checker {
  readonly broken = new Set<Tree>();
  readonly #issues: Issues;
  readonly #replace: Readonly<Record<string, string>>;

  constructor(issues: Issues, replace: Readonly<Record<string, string>>) {
    this.#issues = issues;
    this.#replace = replace;
  }

  /** @returns whether the node has the shape */
  check(tree: Tree, shape: z.ZodType, place: Place): boolean {
    const ok = this.#byKind(tree, variant(tree, shape), place);
    if (!ok) this.broken.add(tree);
    return ok;
  }

  /** What is wrong by itself must not cause issues elsewhere. */
  without(tree: Tree): Tree {
    if (!this.broken.has(tree)) return tree;
    const left: Tree =
      tree.kind === "map"
        ? { ...tree, entries: tree.entries.map((one) => ({ ...one, value: this.without(one.value) })) }
        : tree.kind === "list"
          ? { ...tree, items: tree.items.map((item) => this.without(item)) }
          : { ...tree, value: null };
    this.broken.add(left);
    return left;
  }

  #byKind(tree: Tree, shape: z.ZodType, place: Place): boolean {
    const kind = kindOf(shape);
    if (kind === "any") return true;
    if (tree.kind !== kind) return this.#wrongKind(tree, shape, place);
    if (tree.kind === "list") return this.#list(tree, shape as z.ZodArray<z.ZodType>, place);
    if (tree.kind === "scalar") return this.#leaf(tree, shape, place);
    return shape instanceof z.ZodRecord
      ? this.#record(tree, shape, place)
      : this.#object(tree, shape as z.ZodObject<Readonly<Record<string, z.ZodType>>>, place);
  }

  #object(tree: MapTree, shape: z.ZodObject<Readonly<Record<string, z.ZodType>>>, place: Place): boolean {
    let ok = this.#notEmpty(tree, shape, place);
    for (const { key, keyAt, value } of tree.entries) {
      const field = Object.hasOwn(shape.shape, key) ? shape.shape[key] : undefined;
      const fits =
        field === undefined
          ? this.#unknownKey(key, keyAt, shape, place)
          : this.check(value, field, below(place, key, keyAt));
      ok &&= fits;
    }
    for (const [key, field] of Object.entries(shape.shape)) {
      if (field instanceof z.ZodOptional || tree.entries.some((one) => one.key === key)) continue;
      ok = this.#fail("missing-key", place.home, `${place.what} has no \`${key}\``);
    }
    return ok;
  }

  #unknownKey(key: string, at: SourcePosition, shape: z.ZodObject, { what }: Place): false {
    const { elsewhere = {}, unknown = {}, entry = "key" } = wordsOf(shape);
    if (Object.hasOwn(elsewhere, key))
      return this.#fail("misplaced-key", at, `\`${key}\` does not apply to ${what}`, elsewhere[key]);
    const keys = Object.keys(shape.shape);
    const meant = didYouMean(nearest(key, [...keys, ...Object.keys(elsewhere)]));
    const hint = Object.hasOwn(unknown, key) ? unknown[key] : `${entry}s: ${listNames(keys, 12)}`;
    return this.#fail("unknown-key", at, `unknown ${entry} \`${key}\` in ${what}${meant}`, hint);
  }

  #record(tree: MapTree, shape: z.ZodRecord, place: Place): boolean {
    const { entry } = wordsOf(shape);
    let ok = this.#notEmpty(tree, shape, place);
    for (const { key, keyAt, value } of tree.entries) {
      const what = entry === undefined ? `\`${key}\`` : `${entry} \`${key}\``;
      const named = this.#key(key, keyAt, shape);
      const fits = this.check(value, shape.valueType as z.ZodType, {
        what,
        home: keyAt,
        owner: key,
        path: [],
      });
      if (!named) this.broken.add(value);
      ok &&= named && fits;
    }
    return ok;
  }

  #key(key: string, at: SourcePosition, shape: z.ZodRecord): boolean {
    const { keys } = wordsOf(shape);
    const problem = keys === undefined ? undefined : problemOf(shape.keyType as z.ZodType, key);
    return (
      problem === undefined ||
      this.#fail("bad-name", at, `\`${key}\` cannot name ${keys}: ${problem.message}`)
    );
  }

  #notEmpty(tree: MapTree, shape: z.ZodType, { what, home }: Place): boolean {
    const { empty } = wordsOf(shape);
    if (empty === undefined || tree.entries.length > 0) return true;
    return this.#fail("empty", home, `${what} is empty`, empty);
  }

  #list(tree: ListTree, shape: z.ZodArray<z.ZodType>, place: Place): boolean {
    const { what } = place;
    if (tree.items.length === 0 && !shape.safeParse([]).success)
      return this.#fail(
        "wrong-type",
        tree.at,
        `${what} must be a list; found an empty list`,
        "as in `[a, b]`",
      );
    const seen = wordsOf(shape).once === true ? new Set<string>() : undefined;
    let ok = true;
    for (const item of tree.items) {
      const fits = this.check(item, shape.element, { ...place, what: `an item of ${what}`, home: item.at });
      const text = textOf(item) ?? "";
      ok &&= fits;
      if (seen?.has(text) === true) ok = this.#fail("bad-value", item.at, `${what} holds \`${text}\` twice`);
      else if (text !== "") seen?.add(text);
    }
    return ok;
  }

  #leaf(tree: ScalarTree, shape: z.ZodType, place: Place): boolean {
    if (tree.value === null || !accepts(shape, tree.value)) return this.#wrongKind(tree, shape, place);
    const problem = problemOf(shape, tree.value);
    if (problem === undefined) return true;
    const { code = "bad-value", hint } = wordsOf(shape);
    if (shape instanceof z.ZodEnum) return this.#notListed(tree, shape, place);
    if (shape instanceof z.ZodLiteral) return this.#wrongKind(tree, shape, place);
    const colon = problem.code === undefined ? ":" : "";
    return this.#fail(problem.code ?? code, tree.at, `${place.what}${colon} ${problem.message}`, hint);
  }

  #notListed({ value, at }: ScalarTree, shape: z.ZodEnum, { what }: Place): false {
    const { values, code = "bad-value", hint } = wordsOf(shape);
    const known = shape.options.map(String);
    const meant = didYouMean(nearest(String(value), known));
    if (values === undefined)
      return this.#fail(code, at, `${what} is none of ${listNames(known)}${meant}`, hint);
    return this.#fail(
      code,
      at,
      `unknown ${values} \`${String(value)}\`${meant}`,
      `${values}s: ${listNames(known)}`,
    );
  }

  #wrongKind(tree: Tree, shape: z.ZodType, { what }: Place): false {
    const { is = nouns[shape.def.type] ?? shape.def.type, words, hint } = wordsOf(shape);
    if (shape instanceof z.ZodLiteral)
      return this.#fail(
        "bad-value",
        tree.at,
        `${what} can only be \`${[...shape.values].join("` or `")}\``,
        hint,
      );
    const word = textOf(tree);
    if (words === undefined || word === undefined) {
      const message = `${what} must be ${is}; found ${describe(tree)}`;
      return this.#fail("wrong-type", tree.at, message, hint ?? howToFix(tree, shape));
    }
    const message = `${what} must be ${is}; found \`${word}\`${didYouMean(nearest(word, words))}`;
    return this.#fail("bad-value", tree.at, message, hint);
  }

  #fail(code: IssueCode, at: SourcePosition, message: string, hint?: string): false {
    const filled = hint?.replaceAll(/\{(\w+)\}/g, (whole, name: string) => this.#replace[name] ?? whole);
    this.#issues.report(code, at, message, filled);
    return false;
  }
}

const nouns: Readonly<Record<string, string>> = {
  string: "text",
  enum: "text",
  object: "a mapping",
  record: "a mapping",
  array: "a list",
  number: "a number",
  boolean: "`true` or `false`",
};

/** What to do about a node of the wrong kind. */
function howToFix(tree: Tree, shape: z.ZodType): string | undefined {
  if (shape instanceof z.ZodObject) return `keys: ${listNames(Object.keys(shape.shape), 12)}`;
  if (shape instanceof z.ZodArray) return "as in `[a, b]`";
  const quotable = tree.kind === "scalar" && tree.value !== null && kindOf(shape) === "scalar";
  return quotable && accepts(shape, "") ? "quote it" : undefined;
}

function wordsOf(shape: z.ZodType): ShapeWords {
  return shapeWords.get(shape) ?? {};
}

/** Of an optional shape, the shape; of a union, the variant that takes nodes of this kind, or else the union. */
function variant(tree: Tree, shape: z.ZodType): z.ZodType {
  if (shape instanceof z.ZodOptional) return variant(tree, shape.unwrap() as z.ZodType);
  if (!(shape instanceof z.ZodUnion)) return shape;
  const options = shape.options as readonly z.ZodType[];
  const fitting = options.find(
    (option) =>
      kindOf(option) === tree.kind &&
      (tree.kind !== "scalar" || (tree.value !== null && accepts(option, tree.value))),
  );
  return fitting ?? shape;
}

/** The kind of node that a shape takes; `any`: JSON. */
function kindOf(shape: z.ZodType): Tree["kind"] | "any" {
  if (shape instanceof z.ZodObject || shape instanceof z.ZodRecord) return "map";
  if (shape instanceof z.ZodArray) return "list";
  return shape instanceof z.ZodLazy ? "any" : "scalar";
}

/** Whether a scalar of this type may be this leaf at all. */
function accepts(shape: z.ZodType, value: string | number | boolean): boolean {
  if (shape instanceof z.ZodUnion)
    return (shape.options as readonly z.ZodType[]).some((one) => accepts(one, value));
  if (shape instanceof z.ZodLiteral) return shape.values.has(true) ? typeof value === "boolean" : true;
  return typeof value === (shape.def.type === "enum" ? "string" : shape.def.type);
}

/** The first mistake of a leaf or a key. A refinement may bring a code: `params: { code: "secret" }`. */
function problemOf(
  shape: z.ZodType,
  value: unknown,
): { readonly code: IssueCode | undefined; readonly message: string } | undefined {
  const issue = shape.safeParse(value).error?.issues[0];
  if (issue === undefined) return undefined;
  const named: unknown = issue.code === "custom" ? issue.params?.["code"] : undefined;
  return { code: issueCodes.find((one) => one === named), message: issue.message };
}
