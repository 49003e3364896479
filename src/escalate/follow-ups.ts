import { callIsOpen } from "../model/matrix.ts";
import { bindCall } from "../plan/bind-call.ts";
import { argumentName } from "../plan/routine.ts";
import { callSql } from "../probe/sql/source.ts";
import { dependsOn } from "./closure.ts";
import type { SentStep, StepAnswer } from "./engine.ts";
import { changesSettings, type Step } from "./step.ts";
import { tellingLength } from "./values.ts";
import type { Actor, Subject, World } from "./world.ts";

/** An accepted write, and a call that depends on what it wrote. */
export interface FollowUp {
  readonly chain: readonly Step[];
  readonly sent: SentStep;
}

/** Tables that a call has written, and personas whom a write names. */
const rowsOfCallAtMost = 3;
const namedAtMost = 2;

/** After a write, the calls that depend on what it wrote: accepting the invitation that was just issued. */
export class FollowUps {
  readonly #world: World;
  readonly #sent = new Set<string>();

  constructor(world: World) {
    this.#world = world;
  }

  after(step: Step, answer: StepAnswer, first: SentStep | undefined): readonly FollowUp[] {
    if (first === undefined || answer.written.length === 0) return [];
    if (step.kind === "call") return this.#afterCall(step, answer, first);
    if ((step.kind !== "insert" && step.kind !== "update") || step.subject === undefined) return [];
    const oid = this.#world.tables[(first.target ?? 0) - 1]?.oid;
    if (oid === undefined) return [];
    const [column] = step.kind === "update" ? step.columns : [];
    const written = { oid, column, subject: step.subject };
    // Who sees the row was asked after the write alone.
    const { also: _, view: __, ...rest } = first;
    const own = this.#callsOn(step.actor, written).flatMap((call) =>
      this.#once([step, call], {
        ...rest,
        settings: rest.settings === true || changesSettings(call, this.#world),
        statements: [step.sql, call.sql],
      }),
    );
    const personas = [step.actor.index];
    const others = this.#named(step).flatMap((other) => {
      // Two sessions have a part in it: what it shows is asked for itself.
      const sent = { ...rest, persona: other.index, changes: undefined, settings: true };
      return [
        // What the other may do at once, and what it takes a call of theirs for: accepting an invitation.
        ...this.#once([step], { ...sent, statements: [step.sql], personas }),
        ...this.#callsOn(other, written)
          .filter(({ sql, routine }) => sql.includes("{new}") || routine?.arguments.length === 0)
          .flatMap((call) =>
            this.#once([step, call], {
              ...sent,
              statements: [step.sql, call.sql],
              personas: [...personas, other.index],
            }),
          ),
      ];
    });
    return [...own, ...others];
  }

  /** Calls about a row that a call has written. */
  #afterCall(step: Step, answer: StepAnswer, first: SentStep): readonly FollowUp[] {
    const { also: _, view: __, ...rest } = first;
    return answer.written.slice(0, rowsOfCallAtMost).flatMap((target) => {
      const oid = this.#world.tables[target - 1]?.oid;
      const subject = this.#world.subjects.find(({ info }) => info.oid === oid);
      if (oid === undefined || subject === undefined) return [];
      return this.#callsOn(step.actor, { oid, column: undefined, subject })
        .filter(({ sql, routine }) => sql.includes("{new}") && routine !== step.routine)
        .flatMap((call) =>
          this.#once([step, call], {
            ...rest,
            target,
            settings: rest.settings === true || changesSettings(call, this.#world),
            statements: [step.sql, call.sql],
          }),
        );
    });
  }

  #once(chain: readonly Step[], sent: SentStep): readonly FollowUp[] {
    const key = [sent.persona, ...(sent.personas ?? []), ...sent.statements].join("\n");
    if (this.#sent.has(key)) return [];
    this.#sent.add(key);
    return [{ chain, sent }];
  }

  /** Others whom the written values name, by an id or an e-mail address. */
  #named({ actor, sql }: Step): readonly Actor[] {
    return this.#world.actors
      .filter(
        (one) =>
          one !== actor &&
          !one.role.superuser &&
          !one.role.bypassRls &&
          one.identities.some(([, value]) => value.length >= tellingLength && sql.includes(`'${value}'`)),
      )
      .slice(0, namedAtMost);
  }

  #callsOn(
    actor: Actor,
    {
      oid,
      column,
      subject,
    }: { readonly oid: string; readonly column: string | undefined; readonly subject: Subject },
  ): readonly Step[] {
    return this.#world.catalog.routines.flatMap((routine) => {
      const held = routine.privileges[actor.role.name];
      const known = this.#world.dependencies.functions.get(routine.oid);
      if (
        held?.execute !== true ||
        !held.schemaUsage ||
        routine.volatility !== "volatile" ||
        routine.kind !== "function"
      )
        return [];
      if (known === undefined || known.trigger || known.extension) return [];
      if (
        this.#world.sideEffects.some(
          (one) => one.isRoutine && one.schema === routine.schema && one.name === routine.name,
        )
      )
        return [];
      const closure = this.#world.dependencies.closureOf({ kind: "function", oid: routine.oid });
      if (!dependsOn(closure, oid, column)) return [];
      const planned = this.#world.functions.find((one) => one.routine.oid === routine.oid);
      const declaration = planned?.spec.declarations.find(({ persona }) => persona === actor.persona.name);
      const open = (planned?.spec.calls ?? []).filter(
        ({ name }) => declaration !== undefined && callIsOpen(declaration.calls, name),
      );
      const calls = open.map((call) => ({
        name: call.name,
        values: bindCall(call, actor.persona, this.#world.matrix).values,
      }));
      const [only, ...more] = routine.arguments.filter(({ required }) => required);
      const ofRow =
        only !== undefined && more.length === 0 && subject.key.length === 1
          ? [
              {
                name: "the row written",
                values: { [argumentName(only, routine.arguments.indexOf(only))]: "{new}" },
              },
            ]
          : [];
      // An undeclared function that takes nothing finds what was written by whom it is called by.
      const plain = planned === undefined && only === undefined ? [{ name: "", values: {} }] : [];
      return [...calls, ...ofRow, ...plain].map(({ name, values }): Step => {
        const sql = `select ${callSql({ routine, values })}`.replaceAll("'{new}'", "{new}");
        return {
          actor,
          kind: "call",
          subject: undefined,
          routine,
          columns: [],
          values: [],
          sql,
          declared: name,
          like: name,
          row: undefined,
          blind: false,
          rank: 0,
        };
      });
    });
  }
}
