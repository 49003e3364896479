import type { RelationInfo } from "../model/catalog.ts";
import type { InitPersona } from "./personas.ts";
import {
  type Declared,
  expectationOf,
  keyOf,
  type ObservedOperation,
  type Proposal,
  rowSetsOf,
  shownRelation,
} from "./proposal.ts";

type ByPersona = ReadonlyMap<string, ReadonlyMap<ObservedOperation, Proposal>>;

export interface MatrixParts {
  readonly relations: readonly RelationInfo[];
  readonly personas: readonly InitPersona[];
  readonly declared: Declared;
  /** Rows that are there, `schema.relation`. */
  readonly rows: ReadonlyMap<string, number>;
  /** Signatures of functions that are waived until a person has read them. */
  readonly functions: readonly string[];
  /** The day on which waivers end. */
  readonly expires: string;
}

export interface MatrixHead {
  readonly name: string;
  readonly exposes: readonly string[];
  readonly tokens: boolean;
  /** Relative to the matrix; `undefined`: where a matrix of that name looks by itself. */
  readonly policies: string | undefined;
  readonly seed: string | undefined;
  /** For editors, where the package is installed. */
  readonly schemaFile: string | undefined;
  /** What a person should decide, first. */
  readonly questions: readonly (readonly string[])[];
}

/** As the engine reads it; JSON is YAML. */
export function matrixJson(head: Pick<MatrixHead, "exposes" | "tokens">, parts: MatrixParts): string {
  const { personas, relations, declared, expires } = parts;
  return JSON.stringify({
    matrix: "init",
    exposes: head.exposes,
    channels: head.tokens ? ["direct", "rest"] : ["direct"],
    personas: Object.fromEntries(personas.map(({ name, declaration }) => [name, declaration])),
    relations: Object.fromEntries(
      relations.map((one) => [
        shownRelation(one),
        relationJson(declared.get(keyOf(one)) ?? new Map(), expires),
      ]),
    ),
  });
}

function relationJson(by: ByPersona, expires: string): object {
  const sets = rowSetsOf(by.values());
  const expect = [...by]
    .filter(([, operations]) => operations.size > 0)
    .map(([persona, operations]) => [persona, expectationsOf(operations, expires)] as const);
  return {
    ...(sets.length > 0 && { rows: Object.fromEntries(sets.map(({ name, text }) => [name, text])) }),
    expect: { "*": "deny", ...Object.fromEntries(expect) },
  };
}

const ordinary = ["select", "insert", "update", "delete"] as const;

/** Everything allowed is one word. */
function expectationsOf(operations: ReadonlyMap<ObservedOperation, Proposal>, expires: string): unknown {
  const each = [...operations].map(
    ([operation, one]) => [operation, expectationOf(operation, one, expires)] as const,
  );
  const allows = new Set(each.filter(([, one]) => one === "allow").map(([operation]) => operation));
  if (!ordinary.every((one) => allows.has(one))) return Object.fromEntries(each);
  const others = each.filter(([operation]) => !ordinary.some((one) => one === operation));
  return others.length === 0 ? "allow" : { "*": "allow", ...Object.fromEntries(others) };
}

/** The whole file, as a person reads it. */
export function matrixText(head: MatrixHead, parts: MatrixParts): string {
  const groups = new Groups(parts.personas);
  const entries = relationEntries(parts, groups);
  return [
    ...(head.schemaFile === undefined ? [] : [`# yaml-language-server: $schema=${head.schemaFile}`]),
    "# Written by `rowgate init`: what it observed. An observation is no intention. Read an entry, correct it, and delete its",
    "# line `observed: true`: until then no `rowgate gate` takes it for a declaration.",
    ...questionLines(head.questions),
    `matrix: ${head.name}`,
    ...(head.policies === undefined ? [] : [`policies: ${scalar(head.policies)}`]),
    ...(head.seed === undefined ? [] : [`seed: ${scalar(head.seed)}`]),
    ...(head.exposes.join() === "public" ? [] : [`exposes: [${head.exposes.map(scalar).join(", ")}]`]),
    ...(head.tokens ? [] : ["channels: [direct]"]),
    "personas:",
    ...parts.personas.map(({ name, declaration, is }) => `  ${name}: ${flow(declaration)} # ${oneLine(is)}`),
    ...groups.lines(),
    "relations:",
    ...entries,
    ...waiverLines(parts),
    "",
  ].join("\n");
}

/** Functions that run with their owner's privileges: no observation says what they are for. */
function waiverLines({ functions, expires }: MatrixParts): readonly string[] {
  if (functions.length === 0) return [];
  const waiver = flow({ reason: "SECURITY DEFINER, not read yet (rowgate init)", expires });
  return ["waive:", ...functions.map((name) => `  ${keyScalar(name)}: ${waiver}`)];
}

export function questionLines(questions: MatrixHead["questions"]): readonly string[] {
  if (questions.length === 0) return [];
  return [
    "#",
    "# Intended?",
    ...questions.flatMap((lines, index) =>
      lines.map((line, at) => `# ${at === 0 ? `${index + 1}. ` : "   "}${oneLine(line)}`),
    ),
    "",
  ];
}

/** Relations that nothing is expected of by anybody are said in one line. */
export function relationEntries(parts: MatrixParts, groups: Groups): readonly string[] {
  return parts.relations.flatMap((one) => {
    const by = parts.declared.get(keyOf(one)) ?? new Map();
    const count = parts.rows.get(keyOf(one));
    const comment = count === undefined ? "" : ` # ${count} ${count === 1 ? "row" : "rows"}`;
    const name = keyScalar(shownRelation(one));
    if ([...by.values()].every(({ size }) => size === 0))
      return [`  ${name}: { observed: true, expect: { '*': deny } }${comment}`];
    const sets = rowSetsOf(by.values()).map(({ name: set, text }) => `${set}: ${scalar(text)}`);
    const expect = new Map<string, string[]>();
    const shared = sharedOf(by, parts.personas.length);
    for (const [persona, all] of [["'*'", shared] as const, ...by]) {
      const operations =
        persona === "'*'" ? all : new Map([...all].filter(([operation]) => !shared.has(operation)));
      if (operations.size === 0) continue;
      const said = flow(expectationsOf(operations, parts.expires));
      expect.set(said, [...(expect.get(said) ?? []), persona]);
    }
    const expected = [...expect].flatMap(([said, personas]) =>
      groups.named(personas).map((who) => `${who}: ${said}`),
    );
    return [
      `  ${name}:${comment}`,
      "    observed: true",
      ...packed("rows", sets),
      ...packed("expect", expected),
    ];
  });
}

/** What is expected of every persona alike is said once: TRUNCATE, which Supabase grants to all. */
function sharedOf(by: ByPersona, personas: number): ReadonlyMap<ObservedOperation, Proposal> {
  const all = [...by.values()].map((one) => one.get("truncate"));
  const [first] = all;
  const isShared =
    all.length === personas && all.every((one) => one?.rows === "all" && one.waived === undefined);
  return new Map(first !== undefined && isShared ? [["truncate", first]] : []);
}

const widest = 120;

/** A flow mapping in as few lines as a reader can take in. */
function packed(key: string, entries: readonly string[]): readonly string[] {
  const start = `    ${key}: { `;
  const lines: string[] = [];
  for (const entry of entries) {
    const last = lines.at(-1);
    if (last === undefined || last.length + entry.length > widest)
      lines.push(`${last === undefined ? start : " ".repeat(start.length)}${entry},`);
    else lines[lines.length - 1] = `${last} ${entry},`;
  }
  return lines.map((line, index) => (index === lines.length - 1 ? `${line.slice(0, -1)} }` : line));
}

/** Names for personas of whom the same is expected. */
export class Groups {
  readonly #personas: readonly InitPersona[];
  readonly #groups = new Map<string, string>();
  readonly #grows: boolean;

  /** @param known group → its personas, of a matrix that is there: no more are made then */
  constructor(personas: readonly InitPersona[], known?: ReadonlyMap<string, readonly string[]>) {
    this.#personas = personas;
    this.#grows = known === undefined;
    for (const [name, members] of known ?? []) this.#groups.set([...members].toSorted().join(), name);
  }

  named(members: readonly string[]): readonly string[] {
    const [first] = members;
    if (members.length <= 1) return first === undefined ? [] : [first];
    if (members.length === this.#personas.length) return ["'*'"];
    const key = [...members].toSorted().join();
    const known = this.#groups.get(key);
    if (known !== undefined) return [known];
    if (!this.#grows) return members;
    const name = this.#nameFor(members);
    this.#groups.set(key, name);
    return [name];
  }

  #nameFor(members: readonly string[]): string {
    const taken = new Set([...this.#groups.values(), ...this.#personas.map(({ name }) => name)]);
    const of = (...standings: readonly string[]): string =>
      this.#personas
        .filter(({ standing }) => standings.includes(standing))
        .map(({ name }) => name)
        .toSorted()
        .join();
    const key = [...members].toSorted().join();
    const usual =
      key === of("user")
        ? "users"
        : key === of("user", "unknown-user")
          ? "signed_in"
          : key === of("user", "unknown-user", "no-token")
            ? "everyone"
            : undefined;
    const left = this.#personas.filter(
      ({ name, standing }) => standing === "user" && !members.includes(name),
    );
    const but =
      left.length === 1 &&
      members.length === this.#personas.filter(({ standing }) => standing === "user").length - 1;
    const joined = members.join("_and_");
    const base = ["owner", "colleague", "stranger", "both"].filter((one) =>
      this.#personas.some(({ name }) => name === one),
    );
    const name =
      usual ??
      (key === base.toSorted().join() ? "usual_users" : undefined) ??
      (but && members.length > 2 ? `users_but_${left[0]?.name ?? ""}` : undefined) ??
      (joined.length <= 32 ? joined : `group_${this.#groups.size + 1}`);
    return taken.has(name) ? `group_${this.#groups.size + 1}` : name;
  }

  lines(): readonly string[] {
    if (this.#groups.size === 0) return [];
    const order = this.#personas.map(({ name }) => name);
    return [
      "groups:",
      ...[...this.#groups].map(
        ([members, name]) =>
          `  ${name}: [${members
            .split(",")
            .toSorted((a, b) => order.indexOf(a) - order.indexOf(b))
            .join(", ")}]`,
      ),
    ];
  }
}

function flow(value: unknown): string {
  if (Array.isArray(value)) return `[${value.map(flow).join(", ")}]`;
  if (typeof value === "object" && value !== null)
    return `{ ${Object.entries(value)
      .map(([key, one]) => `${keyScalar(key)}: ${flow(one)}`)
      .join(", ")} }`;
  return typeof value === "string" ? scalar(value) : JSON.stringify(value);
}

function keyScalar(text: string): string {
  return /^[a-z_][\w.-]*$/i.test(text) && !/^(?:true|false|null|yes|no|on|off)$/i.test(text)
    ? text
    : `'${text.replaceAll("'", "''")}'`;
}

/** Plain where YAML reads it back as it is, in a flow mapping too. */
export function scalar(text: string): string {
  const plain =
    /^[a-z_./][\w./-]*(?:(?: (?:=|<>|is|not|null|and|or) ?)(?::?[\w.]+))*$/i.test(text) &&
    !/^(?:true|false|null|~|yes|no|on|off)$/i.test(text) &&
    !/: | #/.test(text);
  return plain ? text : JSON.stringify(text);
}

function oneLine(text: string): string {
  return text.replaceAll(/\s+/g, " ");
}
