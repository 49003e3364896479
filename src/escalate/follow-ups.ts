import { callIsOpen } from "../model/matrix.ts";
import { bindCall } from "../plan/bind-call.ts";
import { argumentName } from "../plan/routine.ts";
import { callSql } from "../probe/sql/source.ts";
import { dependsOn } from "./closure.ts";
import type { SentStep, StepAnswer } from "./engine.ts";
import { changesSettings, type Step } from "./step.ts";
import type { World } from "./world.ts";

/** An accepted write, and a call that depends on what it wrote. */
export interface FollowUp {
  readonly chain: readonly Step[];
  readonly sent: SentStep;
}

/** After a write, the calls that depend on what it wrote: accepting the invitation that was just issued. */
export class FollowUps {
  readonly #world: World;
  readonly #sent = new Set<string>();

  constructor(world: World) {
    this.#world = world;
  }

  after(step: Step, answer: StepAnswer, first: SentStep | undefined): readonly FollowUp[] {
    if (step.kind === "call" || step.kind === "delete" || step.subject === undefined || first === undefined)
      return [];
    const oid = this.#world.tables[(first.target ?? 0) - 1]?.oid;
    if (oid === undefined || answer.written.length === 0) return [];
    const [column] = step.kind === "update" ? step.columns : [];
    return this.#callsOn(step, oid, column).flatMap((call) => {
      const key = [step.actor.index, step.sql, call.sql].join("\n");
      if (this.#sent.has(key)) return [];
      this.#sent.add(key);
      // Who sees the row was asked after the write alone.
      const { also: _, view: __, ...rest } = first;
      const settings = rest.settings === true || changesSettings(call, this.#world);
      return [{ chain: [step, call], sent: { ...rest, settings, statements: [step.sql, call.sql] } }];
    });
  }

  #callsOn({ actor, subject }: Step, oid: string, column: string | undefined): readonly Step[] {
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
        only !== undefined && more.length === 0 && subject?.key.length === 1
          ? [
              {
                name: "the row written",
                values: { [argumentName(only, routine.arguments.indexOf(only))]: "{new}" },
              },
            ]
          : [];
      return [...calls, ...ofRow].map(({ name, values }): Step => {
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
