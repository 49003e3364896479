import { acceptedRows, type LetIn } from "./accepted.ts";
import { type AmbiguousName, ambiguousName } from "./analyse/by-path.ts";
import { always, type Condition } from "./analyse/policy.ts";
import type { Reach } from "./analyse/reach.ts";
import type { ProofColumn } from "./analyse/schema.ts";
import type { ProofAnswer as Answer } from "../model/proof.ts";
import { type Asked, conditionFor, declaredCondition, withStored } from "./asked.ts";
import { asksWho, defaultsOf, withDefaults } from "./defaults.ts";
import { isFor } from "../model/operations.ts";
import { withEffects } from "./besides.ts";
import { undecided } from "./compared.ts";
import type { Context } from "./context.ts";
import { contrast } from "./contrast.ts";
import { oldSide } from "./old-side.ts";
import { byConstraints, finish, decidedByRelaxation, type Showers, shownHits } from "./outcome.ts";
import { outsidePolicies, type ProofCell } from "./proof-cell.ts";
import { saidOfNewRow } from "./self.ts";
import { showInsert, showRefusedInsert } from "./show/insert.ts";
import { update, upsert } from "./update.ts";

/** Everything that the proof can say about one cell. */
export async function proveCell(context: Context, cell: ProofCell): Promise<Answer> {
  const outside = outsidePolicies(cell);
  if (outside !== undefined) return outside;
  const held = cell.relation.privileges[cell.role.name];
  if (held === undefined) return { kind: "not-asked", because: "the role's privileges are not known" };
  const asked = { context, cell, held };
  const who = policyThatReads(asked, ({ readsLogin }) => readsLogin, /(?:session|system)_user/i);
  if (who !== undefined)
    return undecided(
      `${who} asks who logged in (session_user), and the proof's connections are rowgate's own`,
      "a policy that reads current_user or a setting",
    );
  const role = cell.role.canLogin && policyThatReads(asked, ({ readsRole }) => readsRole, /'role'/i);
  if (typeof role === "string")
    return undecided(
      `${role} reads the setting role, which is 'none' in a session that logs in as ${cell.role.name}, and on the proof's connections that role`,
      "a policy that reads current_user",
    );
  const name = nameByPath(asked);
  if (name !== undefined)
    return undecided(
      `${name.function} finds ${name.name} by search_path: ${name.means.join(" or ")}, by the schema that a request asks for`,
      "`set search_path` for that function, or names with their schema in it",
    );
  return withEffects(asked, await byPolicies(asked));
}

async function byPolicies(asked: Asked): Promise<Answer> {
  const { cell } = asked;
  switch (cell.operation) {
    case "insert":
      return insertion(asked);
    case "select":
      return oldRows(asked, "select", false);
    case "delete":
    case "blind_delete":
      return oldRows(asked, "delete", cell.operation === "blind_delete");
    case "update":
    case "blind_update":
      return update(asked, cell.operation === "blind_update");
    case "upsert":
      return upsert(asked);
    case "truncate":
      return { kind: "not-asked", because: "TRUNCATE meets no policy" };
  }
}

function nameByPath({ context: { knowledge, space }, cell }: Asked): AmbiguousName | undefined {
  const { relation } = space;
  const texts = relation.policies
    .filter(({ roles }) => isFor(roles, cell.role))
    .flatMap(({ using, check }) => [using, check])
    .filter((text) => text !== null);
  const byPath = texts.flatMap((text) => {
    const { tree } = knowledge.declared(relation, text);
    return tree === undefined ? [] : [...knowledge.reach(tree).byPath];
  });
  return ambiguousName(texts, new Set(byPath), knowledge.exposes, knowledge.schema);
}

function policyThatReads(
  { context: { knowledge, space }, cell }: Asked,
  reads: (reach: Reach) => boolean,
  /** What cannot be parsed may read it. */
  words: RegExp,
): string | undefined {
  const { relation } = space;
  return relation.policies.find(
    ({ using, check, roles }) =>
      isFor(roles, cell.role) &&
      [using, check].some((text) => {
        const tree = text === null ? undefined : knowledge.declared(relation, text).tree;
        return tree === undefined ? words.test(text ?? "") : reads(knowledge.reach(tree));
      }),
  )?.name;
}

async function insertion(asked: Asked): Promise<Answer> {
  const { cell, held, context: base } = asked;
  const deny = cell.declared.kind === "deny";
  const policy = conditionFor(asked, "insert", "new", false);
  if (policy === undefined && (deny || cell.check === undefined)) return { kind: "no-policy" };
  const unwritten = ({ name }: ProofColumn): boolean => !held.insert.includes(name);
  const ofWho =
    cell.check === undefined
      ? []
      : base.space.relation.columns.filter((one) => unwritten(one) && asksWho(asked, one));
  const stored = withStored(asked, "insert", saidOfNewRow(base, policy ?? always(false)));
  const letIn = withDefaults(asked, ofWho, stored);
  const wanted = deny ? nothingIn : await acceptedRows(asked, letIn);
  if (wanted === undefined)
    return { kind: "not-asked", because: "the matrix declares no check: for the new row" };
  const fixed = await defaultsOf(asked, (one) => unwritten(one) && !ofWho.includes(one));
  const context = { ...base, space: { ...base.space, fixed } };
  const answer = await insertedRows(asked, context, letIn, wanted.declared);
  const { strict } = wanted;
  if (strict === undefined || !("restsOn" in answer)) return answer;
  const found = await contrast(context, letIn, strict.declared, false);
  return found.more.length === 0 && (await found.close()).kind === "proved"
    ? answer
    : { ...answer, restsOn: { ...answer.restsOn, unlikeCandidates: strict.columns } };
}

const nothingIn: LetIn = { declared: always(false), strict: undefined };

async function insertedRows(
  { cell, held }: Asked,
  context: Context,
  letIn: Condition,
  declared: Condition,
): Promise<Answer> {
  const deny = cell.declared.kind === "deny";
  // Candidates bound what is let in; that every row of `check` is, is declared as well.
  const both = !deny && cell.check !== undefined;
  const decided = deny ? await decidedByRelaxation(context, letIn, true) : undefined;
  if (decided !== undefined) return decided;
  const found = await contrast(context, letIn, declared, both);
  const showing = { space: context.space, as: context.as, policy: letIn, declared };
  const show: Showers = {
    more: (rows) => showInsert(showing, rows, held.insert),
    less: (rows) => showRefusedInsert(showing, rows, held.insert),
  };
  const shown = await shownHits(context, letIn, found, show, "new");
  if (shown?.kind === "hit") return shown;
  // What is declared and was not seen to be refused is no lockout: what is let in still has to be declared.
  const bound = both && found.more.length === 0 ? undefined : shown;
  if (bound?.kind === "constraint-only")
    return (await byConstraints(context, letIn, declared, false, "alone")) ?? bound;
  if (bound !== undefined) return bound;
  const closing = shown === undefined ? found : await contrast(context, letIn, declared, false);
  const proved = { policy: letIn, declared, both: both && shown === undefined };
  return finish(context, proved, await closing.close(), closing);
}

async function oldRows(asked: Asked, command: "select" | "delete", blind: boolean): Promise<Answer> {
  const { cell, context } = asked;
  const policy = conditionFor(asked, command, "old", !blind);
  const deny = cell.declared.kind === "deny";
  if (policy === undefined && deny) return { kind: "no-policy" };
  const declared = declaredCondition(asked, cell.declared);
  const both = cell.declared.kind === "rows" || (command === "select" && cell.declared.kind === "allow");
  return oldSide(asked, policy ?? always(false), declared, { command, blind, both, newRows: [], context });
}
