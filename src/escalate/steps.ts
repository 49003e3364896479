import { quoteIdent, quoteQualified } from "../lib/sql-text.ts";
import { bindCandidate } from "../plan/cell-of.ts";
import { resolveExpectation } from "../plan/expectation.ts";
import { assignments, insertSql } from "../probe/sql/statements.ts";
import { CallSteps } from "./calls.ts";
import { type Closure, dependsOn } from "./closure.ts";
import type { Measure } from "./measures.ts";
import { severalOf, togetherOf } from "./several.ts";
import { isClosed, isLeftOut, pairsOf, ranks, type Step, stepOf, strong, type Written } from "./step.ts";
import { fitsBase } from "./compared.ts";
import { freshValue, type Value, Values } from "./values.ts";
import {
  type Actor,
  representatives,
  literalOf,
  type Row,
  type Subject,
  type World,
  type Reach,
} from "./world.ts";

/** Values of a column that says what a user may do. */
const rightsAtMost = 5;

/** The candidate steps of all actors. */
export class Steps {
  readonly #world: World;
  readonly #values: Values;
  readonly #reach: Reach;
  readonly #closures: readonly Closure[];
  readonly #calls: CallSteps;
  readonly #deciding = new Map<string, boolean>();

  constructor(world: World, reach: Reach, measures: readonly Measure[]) {
    this.#world = world;
    this.#reach = reach;
    // What a call reads is as good as read: a call may follow any write.
    const called = world.catalog.routines.filter(
      ({ oid }) => world.dependencies.functions.get(oid)?.extension === false,
    );
    const ofCalls = called.map(({ oid }) => world.dependencies.closureOf({ kind: "function", oid }));
    this.#closures = [...new Set([...measures.map(({ closure }) => closure), ...ofCalls])];
    this.#values = new Values(world, reach, [
      ...this.#closures.flatMap(({ functions }) => [...functions]),
      ...called.map(({ oid }) => oid),
    ]);
    this.#calls = new CallSteps(world, this.#values);
  }

  *all(): Generator<Step> {
    const steppers = representatives(this.#world);
    for (const actor of this.#world.actors) {
      if (actor.stranger || actor.role.bypassRls || actor.role.superuser) continue;
      const every = steppers.has(actor);
      for (const step of this.#of(actor)) if (every || step.declared !== undefined) yield step;
    }
  }

  *#of(actor: Actor): Generator<Step> {
    for (const subject of this.#world.subjects) {
      if (isLeftOut(this.#world, subject.info, false)) continue;
      const held = subject.info.privileges[actor.role.name];
      if (held === undefined || !held.schemaUsage) continue;
      yield* this.#updates(actor, subject, held.update);
      if (held.delete && subject.info.accepts.includes("delete")) yield* this.#deletes(actor, subject);
      yield* this.#inserts(actor, subject, held.insert);
    }
    yield* this.#calls.of(actor);
  }

  /** Whether some answer depends on the column, by its policies, its triggers or what refers to it. */
  #decides(subject: Subject, column: string): boolean {
    const key = `${subject.info.oid} ${column}`;
    const known = this.#deciding.get(key) ?? this.#isRead(subject, column);
    this.#deciding.set(key, known);
    return known;
  }

  #isRead(subject: Subject, column: string): boolean {
    const oids = [
      subject.info.oid,
      subject.baseline.oid,
      ...subject.info.reads.flatMap((name) =>
        this.#world.catalog.relations
          .filter((one) => one.schema === name.schema && one.name === name.name)
          .map(({ oid }) => oid),
      ),
    ];
    return (
      this.#values.names(subject, column) ||
      this.#values.isReferenced(subject, column) ||
      this.#closures.some((closure) => oids.some((oid) => dependsOn(closure, oid, column)))
    );
  }

  #writable(subject: Subject, held: readonly string[]): readonly string[] {
    return subject.info.columns
      .filter(({ name, generated, identity }) => held.includes(name) && !generated && identity !== "always")
      .map(({ name }) => name);
  }

  *#updates(actor: Actor, subject: Subject, held: readonly string[]): Generator<Step> {
    if (!subject.info.accepts.includes("update") || isClosed(subject, actor.role, "update")) return;
    const reached = this.#reach(actor, subject, "update");
    const rows = this.#values.rowsBySignature(subject, 8, ({ key }) => reached.has(key));
    const deciding = this.#writable(subject, held).filter((one) => this.#decides(subject, one));
    yield* this.#updatesOfSeveral(actor, subject, deciding, rows);
    for (const column of deciding) {
      const documents = rows
        .slice(0, 2)
        .flatMap(({ values }) => this.#values.compared.within(actor, subject, column, values[column] ?? null))
        .map((text): Value => ({ text, class: "constant" }));
      for (const value of [...this.#values.of(actor, subject, column), ...documents]) {
        const sql = `update ${quoteQualified(subject.info)} set ${assignments({ [column]: value.text })}`;
        const step = stepOf(actor, "update", subject, [column], [value.text]);
        for (const row of rows.filter(({ values }) => values[column] !== value.text))
          yield {
            ...step,
            row,
            sql: `${sql} where ${rowCondition(subject, row)}`,
            rank: strong(value) ? ranks.row : ranks.less,
          };
        // Without a column that is read, the policies of SELECT are not asked about the new row.
        if (value.class !== "other")
          yield { ...step, sql, blind: true, rank: strong(value) ? ranks.blind : ranks.less };
      }
    }
  }

  *#updatesOfSeveral(
    actor: Actor,
    subject: Subject,
    columns: readonly string[],
    rows: readonly Row[],
  ): Generator<Step> {
    const [row] = rows;
    if (row === undefined) return;
    for (const { changed, rank } of severalOf(this.#values, actor, subject, columns)) {
      const step = stepOf(actor, "update", subject, Object.keys(changed), Object.values(changed));
      const sql = `update ${quoteQualified(subject.info)} set ${assignments(changed)} where ${rowCondition(subject, row)}`;
      yield { ...step, row, sql, rank };
    }
  }

  *#deletes(actor: Actor, subject: Subject): Generator<Step> {
    const reached = this.#reach(actor, subject, "delete");
    for (const row of this.#values.rowsBySignature(subject, 6, ({ key }) => reached.has(key)))
      yield {
        ...stepOf(actor, "delete", subject, [], []),
        row,
        sql: `delete from ${quoteQualified(subject.info)} where ${rowCondition(subject, row)}`,
        rank: ranks.row,
      };
  }

  *#inserts(actor: Actor, subject: Subject, held: readonly string[]): Generator<Step> {
    if (held.length === 0 || !subject.info.accepts.includes("insert")) return;
    if (isClosed(subject, actor.role, "insert")) return;
    const columns = this.#writable(subject, held);
    const sent = new Set<string>();
    for (const { values, declared } of this.#templates(actor, subject, columns)) {
      const make = (names: readonly string[], changed: Written, rank: number): Step | undefined => {
        const sql = insertSql(subject.info, { ...values, ...changed });
        if (sent.has(sql)) return undefined;
        sent.add(sql);
        const step = stepOf(
          actor,
          "insert",
          subject,
          names,
          names.map((name) => changed[name] ?? null),
        );
        return { ...step, sql, rank, declared: names.length === 0 ? declared : undefined, like: declared };
      };
      const whole = make([], {}, declared === undefined ? ranks.insert : ranks.declared);
      if (whole !== undefined) yield whole;
      const deciding = columns.filter((one) => this.#decides(subject, one));
      const varied = deciding.map((name) => ({
        name,
        pool: [
          ...this.#values.of(actor, subject, name),
          ...this.#values.compared
            .within(actor, subject, name, values[name] ?? null)
            .map((text): Value => ({ text, class: "constant" })),
        ].filter(({ text }) => text !== (values[name] ?? null)),
      }));
      for (const { name, pool } of varied)
        for (const value of pool) {
          const one = make([name], { [name]: value.text }, strong(value) ? ranks.insert : ranks.less);
          if (one !== undefined) yield one;
        }
      if (declared !== undefined)
        for (const changed of this.#invitations(actor, varied)) {
          const one = make(Object.keys(changed), changed, ranks.invites);
          if (one !== undefined) yield one;
        }
      for (const changed of togetherOf(this.#values, actor, subject, deciding)) {
        const one = make(Object.keys(changed), changed, ranks.together);
        if (one !== undefined) yield one;
      }
      for (const changed of pairsOf(varied.map(({ name, pool }) => ({ name, pool: pool.filter(strong) })))) {
        const one = make(Object.keys(changed), changed, ranks.pairs);
        if (one !== undefined) yield one;
      }
    }
  }

  /** A declared row for another user, with each right that it may give: inviting, appointing. */
  *#invitations(
    actor: Actor,
    varied: readonly { readonly name: string; readonly pool: readonly Value[] }[],
  ): Generator<Written> {
    const own = actor.identities.map(([, value]) => value);
    const known = this.#values.identities;
    const users = varied.flatMap(({ name, pool }) =>
      pool
        .filter(({ text }) => text !== null && known.includes(text) && !own.includes(text))
        .map(({ text }) => ({ name, text })),
    );
    for (const user of users)
      for (const { name, pool } of varied)
        if (name !== user.name)
          for (const { text } of pool.filter((one) => one.class === "constant").slice(0, rightsAtMost))
            yield { [user.name]: user.text, [name]: text };
  }

  /** Rows to begin from: the matrix's candidates, and copies of rows that are there. */
  #templates(
    actor: Actor,
    subject: Subject,
    columns: readonly string[],
  ): readonly { readonly values: Written; readonly declared: string | undefined }[] {
    const { spec } = subject;
    const expected = spec && resolveExpectation(spec, actor.persona.name, "insert")?.expectation;
    const open = (name: string): boolean =>
      expected?.kind === "allow" || (expected?.kind === "candidates" && expected.accept.includes(name));
    const declared = (spec?.candidates ?? []).flatMap((candidate) =>
      bindCandidate(candidate, this.#world.matrix, actor.persona, false).map(({ name, values }) => ({
        values,
        declared: open(name) ? name : undefined,
      })),
    );
    const copies = this.#values
      .rowsBySignature(subject, 5)
      .map((row) => ({ values: this.#copy(actor, subject, row, columns), declared: undefined }));
    return [...declared, ...copies];
  }

  /** A new row like one that is there: another key, the same parents, and the actor in the place of others. */
  #copy(actor: Actor, subject: Subject, row: Row, columns: readonly string[]): Written {
    const own = actor.identities.map(([, value]) => value);
    const identities = this.#values.identities;
    const entries = columns.flatMap((name): readonly (readonly [string, string])[] => {
      const value = row.values[name];
      const column = subject.more.columns.find((one) => one.name === name);
      if (value == null || column === undefined) return [];
      const points = subject.more.foreignKeys.some((one) => one.columns.includes(name));
      const alone = subject.key.length === 1 && subject.key[0] === name;
      if (identities.includes(value))
        return [
          [
            name,
            own.find((one) => fitsBase(column.base, one) && one.includes("-") === value.includes("-")) ??
              value,
          ],
        ];
      if (alone && !points) return column.hasDefault ? [] : [[name, freshValue(column.base)]];
      if (
        !points &&
        subject.more.uniques.includes(name) &&
        !subject.key.includes(name) &&
        fitsBase(column.base, "x")
      )
        return [[name, `${value}-rowgate`]];
      return [[name, value]];
    });
    return Object.fromEntries(entries);
  }
}

function rowCondition(subject: Subject, { key, values }: Row): string {
  const [only, ...more] = subject.key;
  if (only === undefined || subject.key.some((name) => values[name] == null))
    return `${subject.keySql} = ${literalOf(key)}`;
  return [only, ...more]
    .map((name) => `${quoteIdent(name)} = ${literalOf(values[name] ?? null)}`)
    .join(" and ");
}
