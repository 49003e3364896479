import { perObject } from "../../lib/recent.ts";
import { quoteLiteral } from "../../lib/sql-text.ts";
import type { Atom, Critical, Source } from "../analyse/recorder.ts";
import { valueLimit } from "../analyse/recorder.ts";
import { bindQuestion, type Question } from "../analyse/question.ts";
import type { ProofColumn, ProofRelation } from "../analyse/schema.ts";
import { seededValues } from "../analyse/seeds.ts";
import {
  endsOf,
  freshValues,
  hasOrder,
  isEnumerable,
  isIntegral,
  isNumeric,
  isTemporal,
} from "../analyse/types.ts";
import type { Material } from "./material.ts";
import { type Asking } from "./session.ts";
import { type ActingAs, privileged, isError } from "./step.ts";
import { askTexts } from "./texts.ts";

/** Values of a column that represent all of its values, and guesses besides. */
export interface Representatives {
  /** `null` is NULL. */
  readonly values: readonly (string | null)[];
  /** Those without guesses. */
  readonly core: readonly (string | null)[];
  /** Those that nothing compares with, and no row holds. */
  readonly fresh: ReadonlySet<string>;
  /** No value of the type is known that is not compared with. */
  readonly incomplete: boolean;
  /** All keys that a foreign key lets the column hold are among them. */
  readonly allKeys: boolean;
  /** Values that rows hold, or that a foreign key or constraint asks for: a witness with them can be stored. */
  readonly liked: ReadonlySet<string>;
}

/** Asks questions as a persona: what a question's actor means for it. */
export type Answering = (question: Question) => Promise<readonly (string | null)[] | undefined>;

export function answering(session: Asking, actingAs: (question: Question) => ActingAs): Answering {
  const valuesOf: Answering = perObject(async (question: Question): ReturnType<Answering> => {
    const values = new Map<string, string | null>();
    for (const one of question.bound) {
      const rows = await valuesOf(one);
      if (rows === undefined) return undefined;
      values.set(one.name, rows[0] ?? null);
    }
    const sql = bindQuestion(question, ({ name }) => values.get(name) ?? null, quoteLiteral);
    const answer = await session.ask(
      actingAs(question),
      `select coalesce(pg_catalog.json_agg(x.v), '[]')::text from (${sql}) as x(v)`,
    );
    return isError(answer) || !("value" in answer) || answer.value === null
      ? undefined
      : (JSON.parse(answer.value) as (string | null)[]);
  });
  return valuesOf;
}

/** The values that a source compares with; `undefined`: unknown, or too many. */
export async function valuesOfSource(
  source: Source,
  answer: Answering,
): Promise<readonly string[] | undefined> {
  const rows = (await answer(source.question)) ?? (await answer(source.lenient));
  if (rows === undefined || rows.length > valueLimit) return undefined;
  const values = rows.filter((one) => one !== null);
  return source.folded ? [...new Set(values.flatMap(spellings))] : values;
}

/** One of each kind that a comparison without case tells apart from another with it. */
function spellings(text: string): readonly string[] {
  const [low, up] = [text.toLowerCase(), text.toUpperCase()];
  return [
    text,
    low,
    up,
    low.replace(/[a-z]/, (one) => one.toUpperCase()),
    up.replace(/[A-Z]/, (one) => one.toLowerCase()),
  ];
}

/** Atoms that are decided once the database has answered; the others, and why. */
export async function answeredAtoms(atoms: readonly Atom[], answer: Answering): Promise<ReadonlySet<Atom>> {
  const decided = await Promise.all(
    atoms.map(async (atom) => {
      if (atom.doubts.length > 0) return false;
      const values = await Promise.all(atom.needs.map((one) => valuesOfSource(one, answer)));
      return values.every((one) => one !== undefined);
    }),
  );
  return new Set(atoms.filter((_, index) => decided[index]));
}

export interface Part {
  readonly critical: Critical;
  readonly answer: Answering;
}

/** Everything that may represent the values of a column. */
export async function representatives(
  session: Asking,
  relation: ProofRelation,
  column: ProofColumn,
  parts: readonly Part[],
  checks: readonly Critical[],
  material: Material,
  fixed: ReadonlyMap<string, string | null>,
): Promise<Representatives> {
  const group = comparedWith(column.name, parts);
  const uses = parts.flatMap(({ critical, answer }) =>
    [...group].flatMap((name) => ({ use: critical.columns.get(name), answer })),
  );
  const ordered =
    hasOrder(column) &&
    (uses.some(({ use }) => use?.ordered === true) ||
      isIntegral(column) ||
      isNumeric(column) ||
      isTemporal(column));
  const [comparedValues, seeds, parents, standing, other, constrained] = await Promise.all([
    Promise.all(
      uses.flatMap(({ use, answer }) => (use?.sources ?? []).map((one) => valuesOfSource(one, answer))),
    ),
    Promise.all(parts.map((one) => seedsOf(column, one))),
    material.parents(relation, column.name),
    material.standing(relation, column.name),
    uses.some(({ use }) => use?.keyed === true) ? material.otherKeys(column) : [],
    constraintValues(column, checks, session),
  ]);
  const critical = [
    ...new Set([
      ...comparedValues.flatMap((one) => one ?? []),
      ...[...group].flatMap((name) => fixed.get(name) ?? []),
      ...[...group].flatMap((name) => relation.columns.find((one) => one.name === name)?.labels ?? []),
    ]),
  ];
  const enumerated = isEnumerable(column) ? (column.labels ?? ["true", "false"]) : undefined;
  const fresh = enumerated === undefined ? freshValues(column, group.size + 2) : [];
  const between =
    ordered && enumerated === undefined
      ? await neighbours(session, column, [...critical, ...constrained], group.size)
      : [];
  const liked = new Set([...(parents?.values ?? []), ...standing, ...constrained]);
  const [sure, unused, guesses] = await Promise.all(
    [
      enumerated ?? [...critical, ...(between ?? []), ...(parents?.values ?? []), ...constrained],
      fresh,
      enumerated === undefined ? [...standing, ...other, ...seeds.flat()] : [],
    ].map((one) => validValues(session, column, one)),
  );
  const known = new Set(sure);
  const compared = new Set(critical);
  const newOnes = (unused ?? []).filter((one) => !compared.has(one));
  const core = [
    ...known,
    ...newOnes.filter((one) => !known.has(one)).slice(0, group.size > 1 ? undefined : 2),
  ];
  const nothing = column.notNull ? [] : [null];
  return {
    values: [...new Set([...core, ...(guesses ?? []), ...newOnes]), ...nothing],
    core: [...core, ...nothing],
    fresh: new Set(newOnes.filter((one) => !known.has(one) && !liked.has(one))),
    // A domain may exclude neighbours of the values that are compared with.
    incomplete:
      (enumerated === undefined && newOnes.length < group.size) ||
      between === undefined ||
      (column.domain && group.size > 1) ||
      (column.domain && between.some((one) => !/^-?[0-9]/.test(one) || !known.has(one))),
    allKeys: parents?.all === true,
    liked,
  };
}

/** All columns that one is compared with, and those that they are compared with, in any of the expressions. */
function comparedWith(name: string, parts: readonly Part[]): ReadonlySet<string> {
  const all = new Set([name]);
  for (const one of all)
    for (const { critical } of parts)
      for (const other of critical.columns.get(one)?.group ?? []) all.add(other);
  return all;
}

/** The same for each expression that is put beside this one. */
function seedsOf(column: ProofColumn, { critical, answer }: Part): Promise<readonly string[]> {
  return seedsBy(answer)(critical)(column);
}

const seedsBy = perObject((answer: Answering) =>
  perObject((critical: Critical) => perObject((column: ProofColumn) => readSeeds(column, critical, answer))),
);

async function readSeeds(
  column: ProofColumn,
  critical: Critical,
  answer: Answering,
): Promise<readonly string[]> {
  const own = critical.seeds.filter(({ columns }) => columns.has(column.name));
  const answered = new Map(
    await Promise.all(
      own.map(async (seed) => {
        const lists = await Promise.all(seed.questions.map(answer));
        return [seed, lists.flatMap((one) => one ?? []).filter((one) => one !== null)] as const;
      }),
    ),
  );
  return seededValues(column, own, (seed) => answered.get(seed) ?? []);
}

const privilegedAnswers = perObject((session: Asking) => answering(session, () => privileged));

export function constraintValues(
  column: ProofColumn,
  checks: readonly Critical[],
  session: Asking,
): Promise<readonly string[]> {
  return valuesOfChecks(session)(checks)(column);
}

const valuesOfChecks = perObject((session: Asking) =>
  perObject((checks: readonly Critical[]) =>
    perObject(async (column: ProofColumn): Promise<readonly string[]> => {
      const answer = privilegedAnswers(session);
      const sources = checks.flatMap(({ columns }) => columns.get(column.name)?.sources ?? []);
      const values = await Promise.all(sources.map((one) => valuesOfSource(one, answer)));
      return values.flatMap((one) => one ?? []);
    }),
  ),
);

/** Values between those that are compared with, as many as columns are compared with each other. */
async function neighbours(
  session: Asking,
  column: ProofColumn,
  values: readonly string[],
  count: number,
): Promise<readonly string[] | undefined> {
  if (values.length === 0) return [];
  const given = `pg_catalog.jsonb_array_elements_text(${quoteLiteral(JSON.stringify(values))}) as g(v)`;
  const steps = `pg_catalog.generate_series(1, ${count}) as s(n)`;
  const signs = "pg_catalog.unnest(array[1, -1]) as d(sign)";
  const numbers = `(select distinct v::numeric as v from ${given} where v ~ '^-?[0-9]') as k`;
  let sql: string;
  if (isIntegral(column))
    sql = `select distinct (k.v + s.n * d.sign)::text from ${numbers}, ${steps}, ${signs}`;
  else if (isNumeric(column))
    sql =
      `select distinct x::text from (select v, pg_catalog.lag(v) over (order by v) as before from ${numbers}) as p, ${steps}, ` +
      `lateral pg_catalog.unnest(array[v + s.n, v - s.n, v * (s.n + 1), v / (s.n + 1), before + (v - before) * s.n / ${count + 1}.0${stepsOf(column)}]) as x where x is not null`;
  else {
    const type = column.base;
    const units = type === "date" ? "'1 day'" : "'1 microsecond', '1 millisecond', '1 second', '1 day'";
    sql =
      `select distinct (g.v::${type} + s.n * d.sign * u.step)::${type}::text from ${given}, ${steps}, ${signs}, ` +
      `pg_catalog.unnest(array[${units}]::interval[]) as u(step) where g.v !~ 'infinity'`;
  }
  const texts = await askTexts(session, sql);
  return texts && [...texts, ...endsOf(column)];
}

/** SQL of what lies next to a value `v`, above the greatest that is compared with and below the least. */
function stepsOf({ base, type }: ProofColumn): string {
  const scale = /^numeric\(\d+,(-?\d+)\)$/.exec(type)?.[1];
  if (base === "numeric" && scale === undefined) return "";
  const nearest = base === "real" ? "1.3e-7" : "2.3e-16";
  const step = scale === undefined ? `v * s.n * ${nearest}` : `s.n * 10::numeric ^ (${-Number(scale)})`;
  return `, v + ${step}, v - ${step}`;
}

/** Those that the type takes, as it prints them. */
export function validValues(
  session: Asking,
  column: ProofColumn,
  values: readonly string[],
): Promise<readonly string[]> {
  const known = validKnown(session);
  const key = `${column.type} ${JSON.stringify(values)}`;
  const valid = known.get(key) ?? askValid(session, column, values);
  known.set(key, valid);
  return valid;
}

const validKnown = perObject<Asking, Map<string, Promise<readonly string[]>>>(() => new Map());

async function askValid(
  session: Asking,
  column: ProofColumn,
  values: readonly string[],
): Promise<readonly string[]> {
  if (values.length === 0) return [];
  if (!session.validates) return validOneByOne(session, column, values);
  const type = column.type;
  const sql =
    `select v from (select case when pg_catalog.pg_input_is_valid(g.v, ${quoteLiteral(type)}) then g.v::${type}::text end as v, min(g.n) as n ` +
    `from pg_catalog.jsonb_array_elements_text(${quoteLiteral(JSON.stringify(values))}) with ordinality as g(v, n) group by 1) as x where v is not null order by n`;
  return (await askTexts(session, sql)) ?? [];
}

/** Before Postgres 16 a value can only be tried. */
async function validOneByOne(
  session: Asking,
  { type }: ProofColumn,
  values: readonly string[],
): Promise<readonly string[]> {
  const steps = values.map((one) => ({
    as: privileged,
    sql: `select ${quoteLiteral(one)}::${type}::text`,
    rows: true,
    goOn: true,
  }));
  const answers = await session.runOnce(steps);
  const texts = answers.flatMap((one) => ("value" in one && one.value !== null ? [one.value] : []));
  return [...new Set(texts)];
}
