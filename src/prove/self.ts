import { isCode } from "../model/answers.ts";
import { holdingAfter } from "./after-changes.ts";
import { changedBy } from "./analyse/changes.ts";
import { ownReading } from "./analyse/own-reading.ts";
import { type Condition, printedCondition } from "./analyse/policy.ts";
import type { Question } from "./analyse/question.ts";
import { quoteIdent, quoteLiteral, quoteQualified } from "../lib/sql-text.ts";
import { evaluate, type Row, rowText } from "./ask/evaluate.ts";
import { unstorableRows } from "./storable.ts";
import type { Space } from "./ask/product.ts";
import { type Answering, representatives } from "./ask/represent.ts";
import { type ActingAs, privileged, isError, type Step } from "./ask/step.ts";
import { placed, wayToInsert } from "./show/place.ts";
import { standingRows } from "./show/rows.ts";
import { aboutOwn, comparedBy, moreStanding, standingValues } from "./standing.ts";
import type { Sides } from "./contained.ts";
import type { Context } from "./context.ts";

/**
 * A relation that its own policies read: a row that is put in changes what they say, of itself too. So each row is put in, and
 * policy and matrix are asked with it there.
 */
export interface SelfCheck {
  /** Rows on which they differ once they are there. */
  readonly more: readonly Row[];
  readonly less: readonly Row[];
  /** Why not all rows were tried. */
  readonly incomplete: string | undefined;
}

const rowLimit = 1_500;
const tooMany = "too many rows would have to be tried";

export async function checkWithRow(
  context: Context,
  policy: Condition,
  declared: Condition,
  rows: readonly Row[] | undefined,
  both: boolean,
): Promise<SelfCheck> {
  // Whatever row is put in: of a row that the matrix does not let through nothing has to be asked.
  const isWithin = await holdsWithAny(context, { policy, declared });
  if (isWithin && !both) return { more: [], less: [], incomplete: undefined };
  if (rows === undefined) return { more: [], less: [], incomplete: tooMany };
  const more = await ownValues(context, [policy, declared]);
  let all: Row[] = rows.length === 0 ? [{}] : [...rows];
  for (const [name, values] of more) {
    // What the product varies already it varies on.
    const missing = values.filter((one) => !all.some((row) => row[name] === one));
    if (all[0] !== undefined && name in all[0])
      all = [
        ...all,
        ...all.slice(0, 200).flatMap((row) => missing.map((value) => ({ ...row, [name]: value }))),
      ];
    else all = all.flatMap((row) => values.map((value) => ({ ...row, [name]: value })));
    all = distinct(all);
    if (all.length > rowLimit * 20) return { more: [], less: [], incomplete: tooMany };
  }
  const standing = await standingValues(context, [policy, declared]);
  // What cannot be stored beside the others points nowhere.
  const { rows: unstorable } =
    standing.length === 0 ? { rows: new Set<Row>() } : await unstorableRows(context, all, "with the others");
  all = all.filter((one) => !unstorable.has(one));
  for (const { column, values } of standing) {
    const pointing = all.slice(0, Math.max(1, Math.min(30, Math.floor(900 / values.length))));
    all = [...all, ...pointing.flatMap((row) => values.map((value) => ({ ...row, [column]: value })))];
  }
  all = distinct(all);
  const mirror = mirroring(context, [policy, declared]);
  all = distinct([...all, ...all.slice(0, rowLimit).flatMap(mirror)]);
  const refused = await unstorableRows(context, all, "with the others");
  const storable = all.filter((one) => !refused.rows.has(one));
  const tried = storable.slice(0, rowLimit);
  const answer = await Promise.all(
    tried.map((row) => askWithRow(context, { policy, declared, isWithin }, row)),
  );
  const differing = (wanted: (one: WithRow) => boolean): readonly Row[] =>
    tried.filter((_, index) => {
      const one = answer[index];
      return one !== undefined && one !== "refused" && wanted(one);
    });
  return {
    more: differing(({ policy: own, declared: wanted }) => own && !wanted),
    less: both ? differing(({ policy: own, declared: wanted }) => !own && wanted) : [],
    incomplete:
      storable.length > tried.length || answer.includes(undefined)
        ? tooMany
        : (unclearIn(context, [policy, declared]) ?? moreStanding(standing)),
  };
}

/** Nothing more is let through, whatever row is put in. */
async function holdsWithAny(context: Context, sides: Sides): Promise<boolean> {
  const { knowledge, space } = context;
  const holds = await holdingAfter(context, sides);
  return holds(changedBy(knowledge.schema, [{ relation: space.relation, row: {}, isNew: true }]));
}

/** Values that meet in several ways make the same row. */
function distinct(rows: readonly Row[]): Row[] {
  const once = new Map<string, Row>();
  for (const row of rows) {
    const key = rowText(row);
    if (!once.has(key)) once.set(key, row);
  }
  return [...once.values()];
}

interface WithRow {
  readonly policy: boolean;
  readonly declared: boolean;
}

function truth({ text }: Condition): string {
  return `case when (${text}) then 'T' else 'F' end`;
}

interface Asked extends Sides {
  /** The policy lets through nothing that is not declared. */
  readonly isWithin: boolean;
}

/** `undefined`: it could not be asked; `refused`: constraints allow no such row next to the existing ones. */
async function askWithRow(
  context: Context,
  { policy, declared, isWithin }: Asked,
  row: Row,
): Promise<WithRow | "refused" | undefined> {
  const { space, as, full } = context;
  const table = quoteQualified(space.relation);
  const [theirs = "", ours = ""] = [declared, policy].map(({ alias }) => quoteIdent(alias));
  const stored = `select pg_catalog.set_config('rowgate.stored', pg_catalog.to_jsonb("rowgate:put".*)::text, true) from ${table} as "rowgate:put" where ${placed('"rowgate:put"')}`;
  const allowed = `select ${truth(declared)} from ${table} as ${theirs} where ${placed(theirs)}`;
  const asked = `select ${truth(policy)} from pg_catalog.jsonb_populate_record(null::${table}, pg_catalog.current_setting('rowgate.stored')::jsonb) as ${ours}`;
  const denied = declared.text === "false";
  const ofPolicy: Step = { as, sql: asked, rows: true, stored: true };
  const ofMatrix: Step = { as: full, sql: allowed, rows: true };
  let refusedBy: string | undefined;
  // Values of the other columns may be what a constraint refuses: they are tried as another row has them, and new.
  for (const fresh of [false, true]) {
    const { place } = await wayToInsert(space, row, fresh);
    const first: Step[] = [
      { as: privileged, sql: place, rows: true },
      { as: privileged, sql: stored, rows: true },
    ];
    const questions: readonly Step[] = isWithin
      ? [ofMatrix, { ...ofPolicy, onlyIf: { place: first.length, truths: "T" } }]
      : [ofPolicy, ...(denied ? [] : [ofMatrix])];
    const [put, , ...told] = await space.session.askAbout(first, questions);
    const [got, wanted = denied ? { value: "F" } : undefined] = isWithin ? told.toReversed() : told;
    if (isError(put) && isCode(put.code, "constraint")) {
      refusedBy = put.code;
      continue;
    }
    if (wanted === undefined || got === undefined || !("value" in wanted) || !("value" in got))
      return undefined;
    return { declared: wanted.value === "T", policy: got.value === "T" };
  }
  return mayRefuse(context, row, refusedBy) ? "refused" : undefined;
}

/** Is there a constraint of that kind over the row's known columns alone? Else the values that were made up may be to blame. */
function mayRefuse({ space: { relation, checks } }: Context, row: Row, code: string | undefined): boolean {
  const isKnown = (names: Iterable<string>): boolean => [...names].every((name) => Object.hasOwn(row, name));
  if (isCode(code ?? null, "unique")) return relation.uniques.some(isKnown);
  if (isCode(code ?? null, "foreignKey")) return relation.foreignKeys.some(({ columns }) => isKnown(columns));
  if (isCode(code ?? null, "check"))
    return checks.some(({ atoms }) => isKnown(atoms.flatMap(({ columns }) => [...columns])));
  return false;
}

/**
 * A condition of rows that are in the table, without helpers that read the row itself by its key: what these say of the row is said
 * of its columns. The owners of the helpers must see every row, and all rows that are there must agree.
 */
export async function saidOfRow(context: Context, condition: Condition, as: ActingAs): Promise<Condition> {
  const { session, space, knowledge } = context;
  const { relation } = space;
  const { tree } = condition;
  if (tree === undefined || !knowledge.readsItself(tree, relation)) return condition;
  const { tree: said, owners } = knowledge.ofRow(tree, relation, as === privileged ? "declared" : "policy");
  const made = printedCondition(said);
  if (said === tree || made.tree === undefined) return condition;
  const table = quoteLiteral(quoteQualified(relation));
  const sees = `select (not pg_catalog.row_security_active(${table}) and pg_catalog.has_table_privilege(${table}, 'select'))::text`;
  const sights = await Promise.all(
    [...owners].map((role) => session.ask({ role, settings: as.settings }, sees)),
  );
  if (!sights.every((one) => !isError(one) && "value" in one && one.value === "true")) return condition;
  const cases = (await standingRows(space)).map(({ row }) => ({ row }));
  const [before, now] = await Promise.all(
    [condition, made].map(({ alias, text }) =>
      evaluate(session, { as, relation, alias, texts: [text] }, cases),
    ),
  );
  return before?.join() === now?.join() ? made : condition;
}

/** A condition of a row that is inserted: helpers that look for it by its key find none. */
export function saidOfNewRow({ knowledge, space: { relation } }: Context, condition: Condition): Condition {
  const { tree } = condition;
  if (tree === undefined || !knowledge.readsItself(tree, relation)) return condition;
  const said = knowledge.ofRow(tree, relation, "new").tree;
  const made = printedCondition(said);
  return said === tree || made.tree === undefined ? condition : made;
}

/** A row may be the one that its own policies look for: it holds in one column what they compare that with in another. */
function mirroring(context: Context, conditions: readonly Condition[]): (row: Row) => readonly Row[] {
  const columns = new Map(
    context.space.relation.columns.flatMap((one) => (one.generated ? [] : [[one.name, one] as const])),
  );
  const typeOf = (name: string): string | undefined => columns.get(name)?.base;
  const compared = new Map(
    comparedBy(context, conditions).flatMap(({ column, with: other }) =>
      typeof other === "string" && columns.has(column) ? [[`${column} ${other}`, { column, other }]] : [],
    ),
  );
  return (row) => {
    const pairs = [...compared.values()].flatMap(({ column, other }) => {
      const others =
        other === "*" ? Object.keys(row).filter((one) => typeOf(one) === typeOf(column)) : [other];
      return others.flatMap((one) => {
        const value = one === column ? undefined : row[one];
        const isRefused = value === null && columns.get(column)?.notNull === true;
        return value === undefined || value === row[column] || isRefused ? [] : [{ [column]: value }];
      });
    });
    const each = pairs.map((one): Row => ({ ...row, ...one }));
    return pairs.length < 2 ? each : [...each, Object.assign({}, row, ...pairs) as Row];
  };
}

function unclearIn(context: Context, conditions: readonly Condition[]): string | undefined {
  const names = conditions.flatMap(({ tree }) =>
    tree === undefined ? [] : [...ownReading(tree, aboutOwn(context)).unclear],
  );
  return names.length === 0
    ? undefined
    : `what they make of ${[...new Set(names)].join(", ")} of another row is not a comparison`;
}

/** What columns of the relation are compared with where its policies read it by another name. */
async function ownValues(
  context: Context,
  conditions: readonly Condition[],
): Promise<ReadonlyMap<string, readonly (string | null)[]>> {
  const { relation } = context.space;
  const found = comparedBy(context, conditions).filter((one) => typeof one.with !== "string");
  const names = new Set(found.map(({ column }) => column));
  const out = new Map<string, readonly (string | null)[]>();
  for (const name of names) {
    const column = relation.columns.find((one) => one.name === name);
    if (column === undefined || column.generated) continue;
    const questions = found.flatMap((one) => (one.column === name ? (one.with as Question) : []));
    const values = await Promise.all(questions.map((one) => context.answer(one)));
    const known = [...new Set(values.flatMap((one) => one ?? []).filter((one) => one !== null))].slice(0, 40);
    const isOrdered = found.some((one) => one.column === name && one.ordered === true);
    const fresh = await freshOf(context.space, name, context.answer, isOrdered ? questions : []);
    out.set(name, [...known, ...fresh]);
  }
  return out;
}

/** @param between values between which others lie that matter */
async function freshOf(
  space: Space,
  name: string,
  answer: Answering,
  between: readonly Question[],
): Promise<readonly (string | null)[]> {
  const column = space.relation.columns.find((one) => one.name === name);
  if (column === undefined) return [];
  const sources = between.map((question) => ({ question, lenient: question, folded: false }));
  const use = { sources, ordered: true, keyed: false, group: new Set<string>() };
  const columns = new Map(between.length === 0 ? [] : [[name, use] as const]);
  const critical = { atoms: [], columns, seeds: [] };
  const { values } = await representatives(
    space.session,
    space.relation,
    column,
    [{ critical, answer }],
    [],
    space.material,
    space.fixed,
  );
  return [...values.slice(0, between.length === 0 ? 3 : 12), ...(column.notNull ? [] : [null])];
}
