import type { RoutineInfo } from "../model/catalog.ts";
import { callIsOpen } from "../model/matrix.ts";
import { bindCall } from "../plan/bind-call.ts";
import { argumentName } from "../plan/routine.ts";
import { prefixIn } from "../plan/subject.ts";
import { callSql } from "../probe/sql/source.ts";
import { isLeftOut, pairsOf, ranks, type Step, stepOf, strong, type Written } from "./step.ts";
import { fitsBase } from "./compared.ts";
import { freshValue, sameName, type Value, type Values } from "./values.ts";
import type { Actor, World } from "./world.ts";

/** Calls as steps: of every function that writes, declared or not, with the declared arguments and with others. */
export class CallSteps {
  readonly #world: World;
  readonly #values: Values;

  constructor(world: World, values: Values) {
    this.#world = world;
    this.#values = values;
  }

  *of(actor: Actor): Generator<Step> {
    for (const routine of this.#world.catalog.routines) yield* this.#callsOf(actor, routine);
  }

  *#callsOf(actor: Actor, routine: RoutineInfo): Generator<Step> {
    const held = routine.privileges[actor.role.name];
    const known = this.#world.dependencies.functions.get(routine.oid);
    if (
      held?.execute !== true ||
      !held.schemaUsage ||
      known === undefined ||
      known.trigger ||
      known.extension
    )
      return;
    if ((routine.kind !== "function" && routine.kind !== "procedure") || routine.volatility !== "volatile")
      return;
    if (isLeftOut(this.#world, routine, true)) return;
    const names = routine.arguments.map(argumentName);
    const pools = new Map(
      names.map((name, place) => [name, this.#argumentValues(actor, routine, name, place)]),
    );
    const starts = this.#callStarts(actor, routine, names, pools);
    const sent = new Set<string>();
    for (const { values, declared } of starts) {
      const make = (varied: readonly string[], changed: Written, rank: number): Step | undefined => {
        const all = { ...values, ...changed };
        const call = callSql({ routine, values: all });
        const sql =
          routine.kind === "procedure"
            ? `call ${call}`
            : routine.returns === "nothing" || routine.returns === "record"
              ? `select ${call}`
              : `select * from ${call}`;
        if (sent.has(sql)) return undefined;
        sent.add(sql);
        const step = stepOf(
          actor,
          "call",
          undefined,
          varied,
          varied.map((name) => all[name] ?? null),
        );
        return {
          ...step,
          routine,
          sql,
          rank,
          declared: varied.length === 0 ? declared : undefined,
          like: declared,
        };
      };
      const whole = make([], {}, declared === undefined ? ranks.call : ranks.declared);
      if (whole !== undefined) yield whole;
      const used = names.filter((name) => Object.hasOwn(values, name));
      for (const name of used)
        for (const value of (pools.get(name) ?? []).filter(({ text }) => text !== values[name])) {
          const one = make([name], { [name]: value.text }, ranks.call);
          if (one !== undefined) yield one;
        }
      for (const changed of pairsOf(used.map((name) => ({ name, pool: pools.get(name) ?? [] })))) {
        const one = make(Object.keys(changed), changed, ranks.pairs);
        if (one !== undefined) yield one;
      }
    }
  }

  #callStarts(
    actor: Actor,
    routine: RoutineInfo,
    names: readonly string[],
    pools: ReadonlyMap<string, readonly Value[]>,
  ): readonly { readonly values: Written; readonly declared: string | undefined }[] {
    const planned = this.#world.functions.find((one) => one.routine.oid === routine.oid);
    if (planned !== undefined) {
      const declaration = planned.spec.declarations.find(({ persona }) => persona === actor.persona.name);
      return planned.spec.calls.map((call) => {
        const open =
          declaration !== undefined &&
          declaration.expectation.kind !== "deny" &&
          callIsOpen(declaration.calls, call.name);
        return {
          values: bindCall(call, actor.persona, this.#world.matrix).values,
          declared: open ? call.name : undefined,
        };
      });
    }
    const required = names.filter((_, place) => routine.arguments[place]?.required === true);
    // With what has a default left out, and with all.
    return [required, ...(required.length < names.length ? [names] : [])].map((given) => ({
      values: Object.fromEntries(given.map((name) => [name, pools.get(name)?.[0]?.text ?? null])),
      declared: undefined,
    }));
  }

  /** Values of columns that are called like the argument, identities, and what the body compares it with. */
  #argumentValues(actor: Actor, routine: RoutineInfo, name: string, place: number): readonly Value[] {
    const known = this.#world.dependencies.functions.get(routine.oid);
    const type = known?.argumentTypes[place] ?? "text";
    const base = type.replace(/\[\]$/, "");
    const plain = name.replace(/^(?:p|_|arg|in|new|to|target)_|^_|_(?:in|arg|param)$/gi, "");
    const found = new Map<string, Value>();
    const put = (value: Value): void => {
      if (value.text !== null && !found.has(value.text)) found.set(value.text, value);
    };
    for (const text of known?.argumentLabels[place] ?? []) put({ text, class: "constant" });
    const body = this.#world.dependencies.bodyOf(routine.oid);
    for (const text of body.constants.get(name) ?? [])
      if (fitsBase(base, text)) put({ text, class: "constant" });
    for (const text of this.#references(actor, base, body.constants.get(name) ?? []))
      put({ text, class: "parent" });
    for (const subject of this.#world.subjects)
      for (const column of subject.more.columns) {
        const called =
          [plain, name].includes(column.name) ||
          (column.name === "id" &&
            [subject.info.name, `${subject.info.name}_id`].some((one) =>
              [one, one.replace(/s(_id)?$/, "$1")].includes(plain),
            ));
        if (!called || column.base !== base) continue;
        for (const value of this.#values.of(actor, subject, column.name))
          if (strong(value) || value.class === "row") put(value);
      }
    const takesIdentity =
      base === "uuid" ||
      this.#world.actors.some((one) => one.identities.some(([claim]) => sameName(claim, plain)));
    const sorted = [actor, ...this.#world.actors.filter((one) => one !== actor)];
    if (takesIdentity || found.size === 0)
      for (const one of sorted)
        for (const [, text] of one.identities) if (fitsBase(base, text)) put({ text, class: "identity" });
    // Keys of rows of any relation, where nothing says which.
    if (/^(?:uuid|smallint|integer|bigint)$/.test(base))
      for (const subject of this.#world.subjects)
        if (
          subject.key.length === 1 &&
          subject.more.columns.find((one) => one.name === subject.key[0])?.base === base
        )
          for (const { key } of this.#values.rowsOfKinds(subject, actor, 4))
            put({ text: key, class: "parent" });
    for (const text of [freshValue(base), "true", "1", "2000-01-01"])
      if (found.size === 0 && fitsBase(base, text)) put({ text, class: "other" });
    const values = [...found.values()].slice(0, 16);
    if (/^jsonb?$/.test(base)) return this.#documents(actor, routine);
    return type.endsWith("[]")
      ? values.map((one) => ({ ...one, text: `{${JSON.stringify(one.text)}}` }))
      : values;
  }

  /** Keys of rows behind what the body looks for in front of them: `team:2`, where it compares with `team:%`. */
  #references(actor: Actor, base: string, constants: Iterable<string>): readonly string[] {
    if (!fitsBase(base, "a:")) return [];
    const heads = [...constants].flatMap((text) => prefixIn(text) ?? []);
    const keys = this.#world.subjects
      .filter(({ key }) => key.length === 1)
      .flatMap((subject) => this.#values.rowsOfKinds(subject, actor, 4).map(({ key }) => key));
    return heads.flatMap((head) => [...new Set(keys)].slice(0, 8).map((key) => `${head}${key}`));
  }

  /** Documents with the keys that the body reads. */
  #documents(actor: Actor, routine: RoutineInfo): readonly Value[] {
    const { jsonKeys, constants, populates, relations } = this.#world.dependencies.bodyOf(routine.oid);
    const named = this.#world.subjects.filter(({ info }) => relations.some(({ name }) => name === info.name));
    const columns = populates ? named.flatMap(({ info }) => info.columns.map(({ name }) => name)) : [];
    const each = populates ? 3 : 6;
    const documents = [...new Set([...jsonKeys, ...columns])].flatMap((key) => {
      const values = this.#world.subjects.flatMap((subject) =>
        subject.more.columns.some(({ name }) => name === key)
          ? this.#values.of(actor, subject, key).slice(0, each)
          : [],
      );
      return [...(constants.get(key) ?? []), ...values.flatMap(({ text }) => text ?? [])].map((text) => ({
        text: JSON.stringify({ [key]: text }),
        class: "constant" as const,
      }));
    });
    return [
      { text: "{}", class: "other" as const },
      ...documents.slice(0, populates ? 40 : 16),
      ...this.#wholeDocuments(actor, [...jsonKeys], constants),
    ];
  }

  /** All keys at once, at the top and within each that holds a document: one with each value of a key. */
  #wholeDocuments(
    actor: Actor,
    keys: readonly string[],
    constants: ReadonlyMap<string, ReadonlySet<string>>,
  ): readonly Value[] {
    if (keys.length < 2 || keys.length > 12) return [];
    const pools = keys.map((key) => ({
      key,
      texts: [
        ...(constants.get(key) ?? []),
        ...this.#world.subjects.flatMap((subject) =>
          subject.more.columns.some(({ name }) => name === key)
            ? this.#values.of(actor, subject, key).flatMap(({ text }) => text ?? [])
            : [],
        ),
      ].filter((text) => !keys.includes(text)),
    }));
    const leaves = pools.filter(({ texts }) => texts.length > 0);
    const plain = Object.fromEntries(leaves.map(({ key, texts }) => [key, texts[0]]));
    return leaves
      .flatMap(({ key, texts }) => texts.slice(0, 6).map((text) => ({ ...plain, [key]: text })))
      .slice(0, 24)
      .map((leaf) => {
        const outer = pools.filter(({ texts }) => texts.length === 0).map(({ key }) => [key, leaf] as const);
        return {
          text: JSON.stringify({ ...leaf, ...Object.fromEntries(outer) }),
          class: "constant" as const,
        };
      });
  }
}
