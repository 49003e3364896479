import { createHash } from "node:crypto";
import type { EscalationCatalog, EscalationFunction } from "../escalate/catalog.ts";
import { formatQualified } from "../lib/sql-text.ts";
import { refusesRows, returnsRows, type SideWrite } from "../model/gate.ts";
import { mentionsOf } from "../prove/analyse/function-mentions.ts";
import { Mentions, type WrittenName } from "../prove/analyse/mentions.ts";
import { saysWhoCalls } from "./added-condition.ts";
import { Deciding } from "./deciding.ts";
import { normalBody, plainBody } from "./normal-body.ts";
import { decidedBy, type PlainTrigger, readPlainTrigger } from "./sign-up-trigger.ts";
import type { Running } from "./tighter.ts";

/** Code that runs with a user's statement, or a function that personas may call. */
export interface Entry {
  readonly kind: "trigger" | "rule" | "event trigger" | "expression" | "call" | "default";
  readonly oid: string;
  /** `trigger copy on public.notes` */
  readonly name: string;
  readonly functions: readonly string[];
  readonly beforeRow: boolean;
  readonly text: string;
  /** The oid of its relation; of a default, the column's name. */
  readonly of: string | null;
}

const noEntry: Entry = {
  kind: "call",
  oid: "",
  name: "",
  functions: [],
  beforeRow: false,
  text: "",
  of: null,
};

/** RAISE, but for messages; a row is left out by RETURN NULL. */
const refusing = /\braise\s+(?:exception\b|sqlstate\b|using\b|'|\w+_\w+)|\breturn\s+null\b/i;

/** A trigger that can be fired to see what it does. */
export interface TriedTrigger extends PlainTrigger {
  /** The oid of its table. */
  readonly of: string;
  /** That fires it; `sign-up`: an INSERT of an account. */
  readonly by: "sign-up" | "insert" | "update" | "both";
}

/** What it writes besides the row of the statement that runs it, and a mark of all that this depends on. */
export interface SideWriting extends Pick<SideWrite, "by" | "writes" | "functions" | "opens"> {
  /** It does the same at each write: one can be tried. */
  readonly tried: TriedTrigger | undefined;
  readonly oid: string;
  /** Equal where it does the same, however it is written. */
  readonly mark: string;
  /** Of how it is written, but for comments and spaces. */
  readonly written: string;
  readonly writing: readonly EscalationFunction[];
  readonly running: Running;
  /** A default of a new column changes no statement that was; a new function is a finding, or the matrix declares it. */
  readonly isNews: boolean;
}

/** All code in force that a statement of a user runs, and the functions that personas may call. */
export class Code {
  readonly #functions: ReadonlyMap<string, EscalationFunction>;
  readonly #named = new Map<string, EscalationFunction[]>();
  readonly #bodies = new Map<string, Mentions>();
  readonly #records = new Map<string, string[]>();
  readonly #deciding: Deciding;
  readonly #how: ReadonlyMap<string, string>;
  readonly #names: ReadonlySet<string>;
  readonly #callable: ReadonlySet<string>;
  readonly #entries: readonly Entry[];
  readonly #relations: EscalationCatalog["relations"];
  readonly #reads: EscalationCatalog["reads"];

  /**
   * @param how of functions: with whose rights and settings each runs
   * @param names that variables have, and something in the database too
   * @param callable functions that personas may call
   */
  constructor(
    catalog: EscalationCatalog,
    entries: readonly Entry[],
    how: ReadonlyMap<string, string>,
    names: ReadonlySet<string>,
    callable: ReadonlySet<string>,
  ) {
    const { functions, relations, reads } = catalog;
    this.#callable = callable;
    this.#how = how;
    this.#names = names;
    this.#entries = entries;
    this.#relations = relations;
    this.#reads = reads;
    // What comes with an extension is not the migration's code.
    const own = functions.filter(({ extension }) => !extension);
    this.#functions = new Map(own.map((one) => [one.oid, one]));
    for (const one of own) this.#named.set(one.name, [...(this.#named.get(one.name) ?? []), one]);
    const asked: string[] = [];
    for (const { function: from, relation, part, toFunction } of reads) {
      if (toFunction === null) continue;
      if (from !== null) this.#records.set(from, [...(this.#records.get(from) ?? []), toFunction]);
      if (relation !== null && part.length === 1) asked.push(toFunction);
    }
    this.#deciding = new Deciding(
      catalog,
      this.#closure(asked).map((fn) => this.#bodyOf(fn)),
    );
  }

  readonly #knows: Running["knows"] = {
    isOwnFunction: (name) => this.#named.has(name),
    mayCall: (name) => {
      const called = this.#called(name);
      const call: Entry = { ...noEntry, functions: called };
      const closure = this.#closure(called);
      return (
        called.length > 0 &&
        called.every((oid) => this.#callable.has(oid)) &&
        closure.every((fn) => this.#writesOf(fn, call).length === 0)
      );
    },
  };

  sideWriting(entry: Entry): SideWriting | undefined {
    const body = new Mentions();
    if (entry.kind === "rule") body.addStatements(entry.text);
    const closure = this.#closure([
      ...entry.functions,
      ...body.functions.flatMap((one) => this.#called(one)),
    ]);
    const isHarmless = entry.kind === "call" && !closure.some(({ definer }) => definer);
    const returns = entry.kind === "call" && entry.text === returnsRows ? closure[0] : undefined;
    const writing = closure.map((fn) => ({
      fn,
      writes: [...this.#writesOf(fn, entry), ...(fn === returns && !isHarmless ? [returnsRows] : [])],
    }));
    const writes = [
      ...new Set([
        // The rule itself is a command of another kind, and what it does instead stands in it.
        ...body.writes.map(nameOf),
        ...(isHarmless ? [] : withoutReturn(writing.flatMap((one) => one.writes))),
        ...(entry.kind === "default" && this.#deciding.has(entry.of ?? "", [tableOf(entry)])
          ? [decided(entry.of ?? "")]
          : []),
      ]),
    ];
    // A new guard refuses more than was refused; one that is changed may refuse less.
    const isNews =
      entry.kind !== "default" && entry.kind !== "call" && writes.some((one) => one !== refusesRows);
    if (entry.kind !== "default" && entry.kind !== "call" && writes.length === 0) return undefined;
    const found = writing.flatMap(({ fn, writes: own }) => (own.length === 0 ? [] : fn));
    const markOf = (bodyOf: (fn: EscalationFunction) => string): string => {
      const marks = closure.map((fn) => `${this.#how.get(fn.oid) ?? ""} ${fn.searchPath} ${bodyOf(fn)}`);
      return createHash("sha256")
        .update([...marks.toSorted(), entry.text].join("\n"))
        .digest("hex");
    };
    const called = entry.kind === "call" ? entry.functions[0] : undefined;
    const normal = (fn: EscalationFunction): string =>
      normalBody(fn, { known: this.#names, isCalledByUser: called === fn.oid });
    return {
      by: entry.name,
      oid: entry.oid,
      writes,
      functions: found.map(typed),
      writing: found,
      isNews,
      tried: this.#tried(entry, closure),
      running: {
        when: entry.text,
        functions: closure.map((fn) => ({ fn, rights: this.#how.get(fn.oid) ?? "", body: normal(fn) })),
        called,
        knows: this.#knows,
      },
      mark: markOf(normal),
      written: markOf(plainBody),
    };
  }

  /** Of a trigger that fires after each row: where nothing else runs with what it puts in. */
  #tried(
    { kind, of, text }: Entry,
    [fn, ...others]: readonly EscalationFunction[],
  ): TriedTrigger | undefined {
    const type = Number(/^(\d+) [OA]\s*$/.exec(text)?.[1] ?? 0);
    if (kind !== "trigger" || of === null || fn?.language !== "plpgsql") return undefined;
    const isAccount = this.#relations.some(
      ({ oid, schema, name }) => oid === of && schema === "auth" && name === "users",
    );
    const by = isAccount ? (type === 5 ? "sign-up" : undefined) : firedBy(type);
    if (by === undefined || !others.every((one) => !isAccount && saysWhoCalls(one))) return undefined;
    const viewed = decidedBy(this.#relations.flatMap(({ query }) => query ?? []));
    const found = readPlainTrigger(
      fn.source,
      isAccount ? "account" : "row",
      (column, table) =>
        this.#deciding.byAnything ||
        viewed.anything ||
        viewed.columns.has(column) ||
        viewed.jsonKeys.has(column) ||
        this.#deciding.has(
          column,
          this.#relationsNamed(table).map(({ oid }) => oid),
        ),
    );
    // Rows that policies look for open something by being there, and how many others have written decides what.
    const isLookedFor = ({ name }: WrittenName): boolean =>
      !isAccount && (this.#deciding.byAnything || this.#deciding.reads(name));
    const isPlain = found?.writes.every((one) => this.#isPlain(one) && !isLookedFor(one)) === true;
    return isPlain ? { ...found, of, by } : undefined;
  }

  #relationsNamed({ schema, name }: WrittenName): EscalationCatalog["relations"] {
    return this.#relations.filter((one) => one.name === name && (schema ?? one.schema) === one.schema);
  }

  /** No code runs with a row that is put in. */
  #isPlain(written: WrittenName): boolean {
    const named = this.#relationsNamed(written);
    const oids = new Set(named.map(({ oid }) => oid));
    const runs = this.#entries.some(
      ({ kind, of, text }) =>
        oids.has(of ?? "") &&
        (kind === "rule" || (kind === "trigger" && (Number(text.split(" ", 1)[0]) & 4) !== 0)),
    );
    const calls = this.#reads.some(
      ({ relation, part, toFunction }) =>
        oids.has(relation ?? "") &&
        part === "write" &&
        this.#functions.has(toFunction ?? "") &&
        !this.#isTriggers(toFunction),
    );
    return named.length > 0 && named.every(({ isTable }) => isTable) && !runs && !calls;
  }

  #isTriggers(oid: string | null): boolean {
    return this.#functions.get(oid ?? "")?.trigger === true;
  }

  #writesOf(fn: EscalationFunction, { kind, beforeRow, of }: Entry): readonly string[] {
    const body = this.#bodyOf(fn);
    const all = body.assigned.has("*");
    const assigned = [...body.assigned].filter(
      (column) => column !== "*" && this.#deciding.has(column, [of ?? ""]),
    );
    return [
      ...body.writes.map(nameOf),
      ...(body.anything ? ["what SQL says that is put together when it runs"] : []),
      ...(body.otherCommands ? ["by another command than INSERT, UPDATE, DELETE and MERGE"] : []),
      ...(body.setsSettings ? ["settings of the session"] : []),
      ...(kind === "trigger" && beforeRow && fn.trigger
        ? [
            ...(refusing.test(fn.source) ? [refusesRows] : []),
            ...assigned.map(decided),
            ...(all || (body.assigned.size > 0 && fn.definer && body.relations.length > 0)
              ? ["the row, from what it reads"]
              : []),
          ]
        : []),
    ];
  }

  #bodyOf(fn: EscalationFunction): Mentions {
    const known = this.#bodies.get(fn.oid) ?? mentionsOf(fn);
    this.#bodies.set(fn.oid, known);
    return known;
  }

  #called({ schema, name }: WrittenName): readonly string[] {
    const all = this.#named.get(name) ?? [];
    return all.filter((one) => schema === undefined || one.schema === schema).map(({ oid }) => oid);
  }

  /** These functions and those that they call. */
  #closure(oids: readonly string[]): readonly EscalationFunction[] {
    const found = new Map<string, EscalationFunction>();
    const todo = [...oids];
    for (let oid = todo.pop(); oid !== undefined; oid = todo.pop()) {
      const fn = this.#functions.get(oid);
      if (fn === undefined || found.has(oid)) continue;
      found.set(oid, fn);
      todo.push(...this.#bodyOf(fn).functions.flatMap((one) => this.#called(one)));
      todo.push(...(this.#records.get(oid) ?? []));
    }
    return [...found.values()];
  }
}

/** The oid of the table that a default is of. */
function tableOf({ oid }: Entry): string {
  return oid.split(".", 1)[0] ?? "";
}

/** By the bits of pg_trigger.tgtype: for each row (1), after it (not 2, not 64), INSERT (4), UPDATE (16). */
function firedBy(type: number): TriedTrigger["by"] | undefined {
  if ((type & 1) === 0 || (type & (2 | 64)) !== 0) return undefined;
  const [insert, update] = [(type & 4) !== 0, (type & 16) !== 0];
  return insert && update ? "both" : insert ? "insert" : update ? "update" : undefined;
}

/** What it returns is said of a function that does nothing else. */
function withoutReturn(writes: readonly string[]): readonly string[] {
  const others = writes.filter((one) => one !== returnsRows);
  return others.length > 0 ? others : writes;
}

function decided(column: string): string {
  return `the column ${column} of the row, which policies read`;
}

function nameOf({ schema, name }: WrittenName): string {
  return schema === undefined ? name : `${schema}.${name}`;
}

/** As the matrix waives it. */
function typed(fn: EscalationFunction): string {
  return `${formatQualified(fn)}(${fn.argumentTypes.join(",")})`;
}
