import { formatQualified } from "../lib/sql-text.ts";
import type { ChainKind } from "../model/finding.ts";
import type { MayBecome } from "../model/matrix.ts";
import { namedStep } from "../plan/bounds.ts";
import type { Allowance } from "./before.ts";
import type { Sent } from "./handed-on.ts";
import type { StepAnswer } from "./engine.ts";
import { exposes, mayName } from "./exposure.ts";
import type { Measure, Numbering } from "./measures.ts";
import type { Step } from "./step.ts";
import type { Actor, Row, Subject, World, Reach } from "./world.ts";

/** Something gained by a chain of steps. */
export interface Gain {
  readonly kind: ChainKind;
  /** Who gains it; mostly who steps. */
  readonly by: Actor;
  /** `select public.docs`. */
  readonly what: string;
  readonly keys: readonly string[];
  /** The statement that shows it; with `$1` where it asks about keys. */
  readonly statement: string;
}

export interface Judged {
  readonly chain: readonly Step[];
  readonly answer: StepAnswer;
  readonly gains: readonly Gain[];
}

/** Decides what of an answer is an escalation. Pure: what was asked, and what came back. */
export class Judge {
  readonly #world: World;
  readonly #reach: Reach;
  readonly #numbering: Numbering;
  readonly #allowances: readonly Allowance[];
  readonly #reachedAllowances = new Set<Allowance>();
  /** By actor and what: keys that a declared step opens unchanged. */
  readonly #opened = new Map<string, Set<string>>();
  /** What a step gains by itself is no gain of the call that follows it. */
  readonly #alone: WeakMap<Step, Set<string>> = new WeakMap();
  /** By actor and relation: who sees what a declared insert writes. */
  readonly #declaredAudience = new Map<string, Set<Actor>>();
  /** What a call answered before, by everybody: what it answers now is old if it was among it. */
  readonly #calls: (measure: Measure) => ReadonlySet<string>;
  /** What an actor gets through by the same insert, or the calls of the same function, itself. */
  readonly #sent: Sent;

  constructor(input: {
    readonly world: World;
    readonly reach: Reach;
    readonly numbering: Numbering;
    readonly allowances: readonly Allowance[];
    readonly calls: (measure: Measure) => ReadonlySet<string>;
    readonly sent: Sent;
  }) {
    this.#world = input.world;
    this.#reach = input.reach;
    this.#numbering = input.numbering;
    this.#allowances = input.allowances;
    this.#calls = input.calls;
    this.#sent = input.sent;
  }

  /** Rules of `may_become` that no step has used. */
  get unreached(): readonly Allowance[] {
    // One rule of a group is used when one of its personas used it.
    const reached = new Set([...this.#reachedAllowances].map(placeOf));
    return this.#allowances.filter((one) => !reached.has(placeOf(one)));
  }

  judge(chain: readonly Step[], answer: StepAnswer): Judged {
    const [first] = chain;
    if (first === undefined || answer.code !== undefined) return { chain, answer, gains: [] };
    const gains = [
      ...this.#gained(chain, answer),
      ...(chain.length > 1 ? [] : [...this.#pastPolicies(first, answer), ...this.#audience(first, answer)]),
    ];
    return { chain, answer, gains };
  }

  #gained(chain: readonly Step[], answer: StepAnswer): readonly Gain[] {
    const [first] = chain;
    const stepper = first?.actor;
    return answer.gained.flatMap(([number, found]) => {
      const measure = this.#numbering.measures[number - 1];
      if (measure === undefined || first === undefined || stepper === undefined) return [];
      const own = measure.actor === stepper;
      const old =
        measure.kind === "call" || measure.kind === "write" ? this.#oldAnswers(measure, found) : found;
      const held = own ? undefined : this.#heldBy(stepper, measure);
      const before = chain.length > 1 ? this.#alone.get(first) : undefined;
      if (chain.length === 1) note(this.#alone, first, number, old);
      const keys = old.filter((key) => held?.(key) !== true && before?.has(`${number} ${key}`) !== true);
      const what = whatOf(measure);
      const left = this.#undeclared(
        chain,
        measure.actor,
        measure.on,
        measure.operation,
        keys,
        nameOf(measure),
      );
      if (left.length === 0) return [];
      const opened = `${measure.actor.index} ${what}`;
      const declared = chain.length === 1 && first.declared !== undefined;
      const known = this.#opened.get(opened);
      const more = left.filter((key) => known?.has(key) !== true);
      if (declared) this.#opened.set(opened, new Set([...(known ?? []), ...left]));
      if (more.length === 0) return [];
      const kind: ChainKind = declared
        ? "opens-by-declared-step"
        : own
          ? "escalation"
          : "escalation-of-another";
      return [{ kind, by: measure.actor, what, keys: more, statement: measure.statement }];
    });
  }

  /**
   * What the one who steps reaches itself may be handed on. So may power over its own rows, where it has that power over others'
   * rows: an owner makes owners. Where it has not, another would do with its rows what it may not do itself. So may inserts and calls
   * that the matrix declares for it, at once or as what it may become.
   */
  #heldBy(stepper: Actor, measure: Measure): (key: string) => boolean {
    const { subject, operation } = measure;
    if (subject === undefined || operation === "execute" || measure.candidate !== undefined) {
      const sent = this.#sent(stepper, measure);
      const may = this.#allowances.filter(
        (one) => one.actor === stepper && one.on === measure.on && one.operation === operation,
      );
      return (key) => sent(key) || may.some(({ keys }) => keys.has(nameOf(measure) ?? key));
    }
    const own = stepper.identities.map(([, value]) => value);
    const names = ({ values }: Row): boolean => own.some((one) => Object.values(values).includes(one));
    const reached = this.#reach(stepper, subject, operation);
    const rules = operation !== "select" && subject.rows.some((row) => reached.has(row.key) && !names(row));
    const named = rules ? subject.rows.filter(names) : [];
    const handedOn = new Set([...reached, ...named.map(({ key }) => key)]);
    return (key) => handedOn.has(key);
  }

  /** A call that was refused and is not; or rows that it returns now, and returned to another persona before. */
  #oldAnswers(measure: Measure, found: readonly string[]): readonly string[] {
    const candidates = this.#calls(measure);
    return found.filter((one) => candidates.has(one));
  }

  #undeclared(
    chain: readonly Step[],
    actor: Actor,
    on: string,
    operation: Measure["operation"],
    keys: readonly string[],
    name: string | undefined,
  ): readonly string[] {
    const rules = this.#spokenFor(actor, chain[0]?.actor).map((who) =>
      this.#allowances.filter(
        (one) =>
          one.actor === who && one.on === on && one.operation === operation && this.#isBy(chain, one.rule),
      ),
    );
    return keys.filter((key) => {
      const found = rules.map((of) => of.find((one) => one.keys.has(name ?? key)));
      const allowed = found.filter((one) => one !== undefined);
      if (found.length === 0 || allowed.length < found.length) return true;
      for (const rule of allowed) this.#reachedAllowances.add(rule);
      return false;
    });
  }

  /**
   * Whose rules decide for an actor. No line of a matrix is about any other user: it may become what every persona of its role may,
   * where one of them is not the one who steps.
   */
  #spokenFor(actor: Actor, stepper: Actor | undefined): readonly Actor[] {
    if (!actor.stranger) return [actor];
    const alike = this.#world.actors.filter(
      ({ stranger, role, identities }) => !stranger && role.name === actor.role.name && identities.length > 0,
    );
    return alike.some((one) => one !== stepper) ? alike : [];
  }

  #isBy(chain: readonly Step[], { by }: MayBecome): boolean {
    if (by.length === 0) return true;
    return by.some(({ name }) => {
      const named = namedStep(name, this.#world.matrix.schema, this.#world.catalog);
      return chain.some(({ subject, routine, columns, kind }) => {
        if (named?.kind === "function") return named.routines.some(({ oid }) => oid === routine?.oid);
        if (named?.kind !== "relation" || named.relation.oid !== subject?.info.oid) return false;
        return named.column === undefined || kind !== "update" || columns.includes(named.column);
      });
    });
  }

  /** Rows that a foreign key changed or deleted, which the one who steps may not. */
  #pastPolicies(step: Step, answer: StepAnswer): readonly Gain[] {
    if (step.subject === undefined || step.kind === "insert") return [];
    const from = step.subject;
    const lists = [
      ...answer.changed.map((one) => ({ one, operation: "update" as const })),
      ...answer.gone.map((one) => ({ one, operation: "delete" as const })),
    ];
    return lists.flatMap(({ one: [number, found], operation }) => {
      const table = this.#world.tables[number - 1];
      const subject = this.#world.subjects.find(({ info }) => info.oid === table?.oid);
      if (subject === undefined || subject === from || !this.#follows(from, subject, operation, step.kind))
        return [];
      const there = new Set(subject.rows.map(({ key }) => key));
      const mine = new Set([
        ...this.#reach(step.actor, subject, "update"),
        ...this.#reach(step.actor, subject, "delete"),
      ]);
      const beyond = found.filter((key) => there.has(key) && !mine.has(key));
      const on = formatQualified(subject.info);
      const keys = this.#undeclared([step], step.actor, on, operation, beyond, undefined);
      if (keys.length === 0) return [];
      const what = `${operation} ${on}, by its foreign key`;
      return [{ kind: "escalation" as const, by: step.actor, what, keys, statement: "" }];
    });
  }

  /** Whether rows of the relation go, or change, with those that they point to, at any remove. */
  #follows(
    from: Subject,
    to: Subject,
    operation: "update" | "delete",
    kind: Step["kind"],
    seen: readonly string[] = [],
  ): boolean {
    const acts = (one: { readonly onUpdate: boolean; readonly onDelete: boolean }): boolean =>
      kind === "delete" ? one.onDelete : one.onUpdate;
    return to.more.foreignKeys.filter(acts).some((one) => {
      if (one.to === from.info.oid) return true;
      const between = this.#world.subjects.find(({ info }) => info.oid === one.to);
      return (
        between !== undefined &&
        !seen.includes(one.to) &&
        this.#follows(from, between, operation, kind, [...seen, one.to])
      );
    });
  }

  /** Who sees what was written, and who saw it before. */
  #audience(step: Step, answer: StepAnswer): readonly Gain[] {
    const { subject, actor } = step;
    if (subject === undefined || (step.kind !== "insert" && step.kind !== "update")) return [];
    const seen = new Map<Actor, Set<string>>();
    for (const [number, keys] of answer.audience) {
      const measure = this.#numbering.measures[number - 1];
      if (measure?.subject?.info.oid !== subject.info.oid) continue;
      seen.set(measure.actor, new Set([...(seen.get(measure.actor) ?? []), ...keys]));
    }
    const mine = seen.get(actor);
    if (mine === undefined || mayName(step)) return [];
    return step.kind === "insert"
      ? this.#plants(step, subject, seen, mine)
      : this.#givesAway(step, subject, seen, mine);
  }

  #plants(
    step: Step,
    subject: Subject,
    seen: ReadonlyMap<Actor, ReadonlySet<string>>,
    mine: ReadonlySet<string>,
  ): readonly Gain[] {
    const others = [...seen].filter(([actor, keys]) => actor !== step.actor && keys.size > 0);
    const on = `${step.actor.index} ${subject.info.oid}`;
    const known = this.#declaredAudience.get(on);
    if (step.declared !== undefined) {
      this.#declaredAudience.set(on, new Set([...(known ?? []), ...others.map(([actor]) => actor)]));
      return [];
    }
    const hidden = mine.size === 0;
    // Shown to more than a declared row is, by a column of which the matrix says nothing.
    const found = (hidden || exposes(this.#world, step) ? others : []).filter(
      ([actor]) => known?.has(actor) !== true,
    );
    return found.slice(0, 1).map(([actor, keys]) => ({
      kind: "plants" as const,
      by: actor,
      what: `a row of ${formatQualified(subject.info)} that ${listOf(found.map(([one]) => one))} see${found.length === 1 ? "s" : ""}${hidden ? `, and ${step.actor.persona.name} does not` : ""}`,
      keys: [...keys],
      statement: `select * from ${formatQualified(subject.info)}`,
    }));
  }

  #givesAway(
    step: Step,
    subject: Subject,
    seen: ReadonlyMap<Actor, ReadonlySet<string>>,
    mine: ReadonlySet<string>,
  ): readonly Gain[] {
    const before = this.#reach(step.actor, subject, "select");
    return [...seen].flatMap(([actor, keys]) => {
      if (actor === step.actor) return [];
      const had = this.#reach(actor, subject, "select");
      const given = [...keys].filter((key) => before.has(key) && !mine.has(key) && !had.has(key));
      if (given.length === 0) return [];
      const what = `${formatQualified(subject.info)} of ${step.actor.persona.name}, which only ${actor.persona.name} sees afterwards`;
      return [{ kind: "gives-away" as const, by: actor, what, keys: given, statement: "" }];
    });
  }
}

function placeOf({ rule: { at } }: Allowance): string {
  return JSON.stringify(at);
}

function note(known: WeakMap<Step, Set<string>>, step: Step, number: number, keys: readonly string[]): void {
  const all = known.get(step) ?? new Set<string>();
  for (const key of keys) all.add(`${number} ${key}`);
  known.set(step, all);
}

function whatOf({ operation, on, call, candidate }: Measure): string {
  if (call !== undefined)
    return `call ${on}${call.planned.spec.calls.length > 1 ? `(${call.call.name})` : ""}`;
  if (candidate === undefined) return `${operation} ${on}`;
  return `${operation} ${on} (the ${operation === "insert" ? "row" : "forbidden update"} \`${candidate}\`)`;
}

/** What `may_become` calls it, where that is not its keys. */
function nameOf({ call, candidate, operation }: Measure): string | undefined {
  return call?.call.name ?? (operation === "insert" ? candidate : undefined);
}

function listOf(actors: readonly Actor[]): string {
  const names = actors.map(({ persona, stranger }) => (stranger ? "any signed-in user" : persona.name));
  return names.slice(0, 3).join(", ") + (names.length > 3 ? ` and ${names.length - 3} more` : "");
}
