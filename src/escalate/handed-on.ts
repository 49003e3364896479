import type { Client } from "pg";
import { callIsOpen } from "../model/matrix.ts";
import { bindCandidate } from "../plan/cell-of.ts";
import { bindPredicate } from "../plan/columns.ts";
import { resolveExpectation } from "../plan/expectation.ts";
import { insertSql } from "../probe/sql/statements.ts";
import type { Before } from "./before.ts";
import { type Measure, wentThrough } from "./measures.ts";
import { isLeftOut } from "./step.ts";
import type { Actor, Subject, World } from "./world.ts";

/** Whether an actor may hand on what a call answers, or that an insert goes through: see `sentBefore`. */
export type Sent = (actor: Actor, measure: Measure) => (key: string) => boolean;

/**
 * Inserts and calls that the matrix declares for an actor, and what its own calls of the same function return as things are: this it
 * may hand on. A candidate of the same name is a row of one's own, where it says `:sub`; so is one that differs only in whom it names.
 */
export function sentBefore(world: World, before: Before, isChecked: Checked): Sent {
  const answered = new Map<string, Set<string>>();
  for (const [{ actor, on, kind }, { keys }] of before) {
    const place = `${actor.index} ${on}`;
    if (kind === "call") answered.set(place, new Set([...(answered.get(place) ?? []), ...keys]));
  }
  return (actor, { actor: gaining, subject, call, candidate = "", on, operation }) => {
    if (operation === "update") {
      const own = subject?.spec?.declarations.find(
        (one) => one.persona === actor.persona.name && one.operation === "update",
      );
      const may = own !== undefined && own.expectation.kind !== "deny";
      return () => may && !own.never.some(({ name }) => name === candidate);
    }
    if (call === undefined) {
      const said =
        subject?.spec && resolveExpectation(subject.spec, actor.persona.name, "insert")?.expectation;
      if (said?.kind === "allow") return () => true;
      const open = said?.kind === "candidates" ? said.accept : [];
      const rows = (of: Actor, takes: (name: string) => boolean): readonly string[] =>
        (subject?.spec?.candidates ?? [])
          .filter(({ name }) => takes(name))
          .flatMap((one) => bindCandidate(one, world.matrix, of.persona, false))
          .map(({ values }) => asOwn(values, of));
      const own = new Set(rows(actor, (name) => open.includes(name)));
      const accepted =
        open.includes(candidate) ||
        isChecked(actor, subject, candidate) ||
        rows(gaining, (name) => name === candidate).some((row) => own.has(row));
      return () => accepted;
    }
    const said = call.planned.spec.declarations.find(({ persona }) => persona === actor.persona.name);
    const kind = callIsOpen(said?.calls, call.call.name) ? said?.expectation.kind : undefined;
    return (key) =>
      kind === "allow" ||
      (key === wentThrough
        ? kind === "rows" || kind === "within"
        : answered.get(`${actor.index} ${on}`)?.has(key) === true);
  };
}

/** A row, with the same word in the place of whatever names its sender. */
function asOwn(values: Readonly<Record<string, string | null>>, { identities }: Actor): string {
  const own = new Set<string | null>(identities.map(([, value]) => value));
  return JSON.stringify(
    Object.entries(values)
      .toSorted(([a], [b]) => (a < b ? -1 : 1))
      .map(([name, value]) => [name, own.has(value) ? { sender: true } : value]),
  );
}

/** Whether a candidate, as the actor would insert it, is one of the rows that `check` alone declares for it. */
export type Checked = (actor: Actor, subject: Subject | undefined, candidate: string) => boolean;

/** The row is stored to be looked at, with its defaults, and undone; one that cannot be stored is declared by nothing. */
export async function checkedRows(client: Client, world: World): Promise<Checked> {
  const found = new Set<string>();
  for (const subject of world.subjects)
    for (const actor of world.actors) {
      const { spec, info } = subject;
      const said = spec && resolveExpectation(spec, actor.persona.name, "insert");
      const check = said?.declaration?.check;
      const isAlone = said?.expectation.kind === "candidates" && said.expectation.accept.length === 0;
      if (spec === undefined || check === undefined || !isAlone || isLeftOut(world, info, false)) continue;
      const predicate = bindPredicate(check.predicate, {
        matrix: world.matrix,
        persona: actor.persona,
        column: undefined,
      });
      for (const { name, values } of spec.candidates.flatMap((one) =>
        bindCandidate(one, world.matrix, actor.persona, false),
      )) {
        await client.query("begin");
        const { rows } = await client
          .query<{ holds: boolean | null }>(`${insertSql(info, values)} returning (${predicate}\n) as holds`)
          .catch(() => ({ rows: [] }));
        await client.query("rollback");
        if (rows[0]?.holds === true) found.add(idOf(actor, subject, name));
      }
    }
  return (actor, subject, candidate) => subject !== undefined && found.has(idOf(actor, subject, candidate));
}

function idOf(actor: Actor, { info }: Subject, candidate: string): string {
  return `${actor.index} ${info.oid} ${candidate}`;
}
