import type { SentStep } from "./engine.ts";
import { exposes, mayName } from "./exposure.ts";
import type { Numbering } from "./measures.ts";
import { changesSettings, type Step } from "./step.ts";
import { tellingLength } from "./values.ts";
import type { Actor, World } from "./world.ts";

/** A step as the batch gets it: whose it is, and who is looked at besides. */
export function sentStep(step: Step, id: number, world: World, numbering: Numbering): SentStep {
  const { actor, subject, kind, columns, values, row } = step;
  const table =
    subject === undefined
      ? undefined
      : world.tables.some(({ oid }) => oid === subject.info.oid)
        ? subject.info.oid
        : subject.baseline.oid;
  const named = (one: Actor, by: readonly (string | null)[]): boolean =>
    one !== actor && one.identities.some(([, own]) => own.length >= tellingLength && by.includes(own));
  // Whom the new value names, and then whom the row does.
  const others = [values, Object.values(row?.values ?? {})].flatMap((by) =>
    world.actors.filter((one) => named(one, by)),
  );
  // A membership, an account: its key says whose it is.
  const keyed = [...(subject?.key ?? []), ...(subject?.more.uniques ?? [])].map(
    (name) => row?.values[name] ?? null,
  );
  const isOfAnother = row !== undefined && world.actors.some((one) => named(one, keyed));
  const strangers = world.actors.filter(({ stranger }) => stranger);
  const also = (columns.length > 0 && others.length === 0 ? strangers : [...new Set(others)].slice(0, 2)).map(
    ({ index }) => index,
  );
  return {
    id,
    persona: actor.index,
    statements: [step.sql],
    // The auth server stores it.
    privileged: kind === "sign-up" || kind === "metadata",
    target: table === undefined ? 0 : numbering.tableNumber(table),
    also,
    changes: kind === "update" && isOfAnother,
    settings: changesSettings(step, world),
    ...viewsOf(step, world, numbering),
  };
}

/** Who is asked whether it sees what was written, as far as the judge uses the answers. */
function viewsOf(
  step: Step,
  world: World,
  numbering: Numbering,
): Pick<SentStep, "view" | "views" | "exposes"> {
  const { subject, actor, kind, declared } = step;
  if (subject === undefined || (kind !== "insert" && kind !== "update") || mayName(step)) return {};
  const { own, others } = numbering.audience(actor, subject);
  return {
    view: own,
    views: others,
    exposes: kind === "insert" && (declared !== undefined || exposes(world, step)),
  };
}
