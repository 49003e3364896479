/** Random policies: expressions as trees, so that one that goes wrong can be made small. */

export interface Expression {
  /** SQL with `$0`, `$1`, … where its parts go; `{t}` is the table's name. */
  readonly text: string;
  readonly parts: readonly Expression[];
}

export type Random = (below: number) => number;

/** A linear congruential generator: the same seed gives the same policies everywhere. */
export function random(seed: number): Random {
  let state = seed;
  return (below) => {
    state = (Math.imul(state, 1_103_515_245) + 12_345) & 0x7fffffff;
    return (state >> 8) % below;
  };
}

export const me = "aaaaaaaa-0000-4000-8000-000000000001";
export const other = "aaaaaaaa-0000-4000-8000-000000000002";
export const nobody = "aaaaaaaa-0000-4000-8000-000000000077";

/** Columns of every fuzzed table, and values that rows of the pool hold. */
export const columns: Readonly<
  Record<
    string,
    {
      readonly type: string;
      readonly values: readonly (string | null)[];
      /** Its default, which it has where the role may not write it. */
      readonly initial?: string;
    }
  >
> = {
  a: { type: "int", values: ["-1", "0", "1", "2", "3", "4", "5", "6", "7", "9", null], initial: "3" },
  b: { type: "int", values: ["-1", "0", "1", "2", "3", "4", "5", "6", null] },
  c: { type: "numeric", values: ["-1", "0", "1.5", "2", "2.25", "3", "5", "NaN", null] },
  f: { type: "float8", values: ["-1", "0", "2", "2.5", "Infinity", "NaN", null] },
  k: { type: "text", values: ["a", "b", "zz", "free", "FREE", "Free", "other", "", null], initial: "'free'" },
  h: { type: "char(4)", values: ["a", "b", "free", "a b", null] },
  v: { type: "varchar(4)", values: ["a", "b", "free", "zz", null] },
  n: { type: "text collate fuzz_nocase", values: ["a", "A", "free", "FREE", "zz", null] },
  m: { type: "fuzz_small", values: ["1", "2", "5", null] },
  w: { type: "fuzz_word", values: ["a", "b", "free", "", null] },
  l: { type: "bigint", values: ["-1", "0", "2", "3", "4294967296", null] },
  t: { type: "timestamp", values: ["now-2h", "now+1day", "-infinity", null] },
  rg: { type: "int4range", values: ["[1,4)", "(,3]", "empty", "[5,9)", null] },
  ids: { type: "uuid[]", values: ["{}", `{${me}}`, `{${other},${me}}`, `{${nobody}}`, null] },
  e: { type: "fuzz_state", values: ["draft", "open", "closed", null] },
  o: { type: "uuid", values: [me, other, nobody, null], initial: "auth.uid()" },
  ts: { type: "timestamptz", values: ["now-2h", "now-30min", "now+1day", "now+3days", "infinity", null] },
  d: { type: "date", values: ["today", "yesterday", "tomorrow", "2001-01-01", null] },
  flag: { type: "boolean", values: ["true", "false", null] },
  tags: { type: "text[]", values: ["{}", "{a}", "{a,b}", "{free}", null] },
  j: { type: "jsonb", values: ["{}", '{"o":"' + me + '"}', '{"n":3}', '{"n":"x"}', "[1]", null] },
};

const text = (sql: string): Expression => ({ text: sql, parts: [] });

export function atom(r: Random): Expression {
  const pick = <T>(list: readonly T[]): T => list[r(list.length)] as T;
  const order = (): string => pick(["=", "<>", "<", ">", "<=", ">="]);
  const equal = (): string => pick(["=", "<>"]);
  const plan = "(auth.jwt()->>'plan')";
  const makers: readonly (() => string)[] = [
    () => `${pick(["a", "b", "m"])} ${order()} ${r(6)}`,
    () => `${pick(["a", "b"])} ${order()} my_level()`,
    () => `a ${order()} b`,
    () =>
      `c ${order()} ${pick(["2", "2.25", "'NaN'::numeric", "(select max(p.lvl) from par p)", "my_level()"])}`,
    () => `f ${order()} ${pick(["2", "2.5", "'NaN'::float8", "'Infinity'::float8"])}`,
    () => `c ${pick(["<", ">"])} c`,
    () => `a::numeric ${order()} ${pick(["2.5", "1", "4"])}`,
    () => `g ${order()} ${r(9)}`,
    () =>
      `${pick(["a", "b", "k", "o", "ts", "flag", "g", "h", "tags", "j", "m", "e"])} is ${pick(["", "not "])}null`,
    () => `k ${equal()} ${pick(["'free'", "'a'", plan, "null", "my_plan()"])}`,
    () => `h ${equal()} ${pick(["'a'", "'free'", "'a   '", "'a b'"])}`,
    () => `h::text ${equal()} ${pick(["'a'", "'free'", "'a   '"])}`,
    () => `v ${equal()} ${pick(["'a'", "'free'", "'freed'", plan])}`,
    () => `n ${equal()} ${pick(["'a'", "'FREE'", "'zz'"])}`,
    () => `n collate "C" ${equal()} ${pick(["'a'", "'FREE'"])}`,
    () => `w ${equal()} ${pick(["'a'", "'zz'", "k", plan, "my_plan()"])}`,
    () => `l ${order()} ${pick(["2", "a", "4294967296", "my_level()"])}`,
    () => `t ${order()} ${pick(["now()", "localtimestamp", "'2001-01-01'", "current_date"])}`,
    () => pick(["rg @> 3", "rg = '[1,4)'", "isempty(rg)", "rg && '[2,3]'", "upper(rg) > a"]),
    () => `${pick(["auth.uid()", "o", `'${other}'`])} = any (ids)`,
    () =>
      `${pick(["ids @> array[auth.uid()]", "ids = '{}'", "cardinality(ids) > 1", "auth.uid() <> all (ids)"])}`,
    () => `level_as_keeper(${pick(["a", "b"])}) ${order()} ${r(4)}`,
    () => `${pick(["", "not "])}${pick(["has_opened", "has_opened_pl"])}(${pick(["a", "b"])})`,
    () =>
      `${pick(["", "not "])}exists (select 1 from par p where p.id = {t}.${pick(["a", "b"])} and p.opens ${pick(["<", ">", "<="])} ${pick(["now()", "now() - interval '1 hour'", "current_date", "{t}.ts"])})`,
    () => `a in (select p.id from par p where p.opens ${pick(["<", ">"])} now())`,
    () => `(select min(p.opens) from par p where p.id = {t}.a) ${pick(["<", ">"])} now()`,
    () => `${pick(["a", "b"])} = (auth.jwt() -> 'app' ->> 'level')::int`,
    () => `auth.jwt() -> 'app' -> 'orgs' ? k`,
    () => `num_nulls(a, b, k) ${pick(["=", ">", "<"])} ${r(3)}`,
    () => `row(a, k) is ${pick(["", "not "])}null`,
    () => `(a > 1) ${pick(["=", "<>", "is distinct from"])} (${pick(["b > 2", "flag", "k = 'a'"])})`,
    () => `e ${pick(["=", "<>", "<", ">="])} 'open'`,
    () => `e::text ${pick(["= 'open'", "like 'd%'", "in ('draft', 'closed')"])}`,
    () => `k in ('a', 'b', ${pick(["'free'", "null"])})`,
    () => `k not in ('a', ${pick(["'b'", "'free'", "null"])})`,
    () =>
      `k = any (${pick(["array['a','zz']", "'{}'::text[]", "string_to_array(auth.jwt()->>'plan', 'x')"])})`,
    () => `k <> all (${pick(["array['a','zz']", "'{}'::text[]", "array['a', null]"])})`,
    () =>
      `o ${equal()} ${pick(["auth.uid()", `'${other}'`, "(select p.owner from par p where p.id = 2)", "nullif(current_setting('app.user', true), '')::uuid"])}`,
    () => `o is ${pick(["", "not "])}distinct from auth.uid()`,
    () =>
      pick([
        "flag",
        "not flag",
        "flag is true",
        "flag is not false",
        "coalesce(flag, false)",
        "flag = (a > 2)",
      ]),
    () => `ts ${order()} now() ${pick(["", "- interval '1 hour'", "+ interval '2 days'"])}`,
    () => `d ${order()} ${pick(["current_date", "now()", "'2001-01-01'", "current_date - 1"])}`,
    () => `ts::date = current_date`,
    () =>
      `a ${pick(["in", "not in"])} (select p.id from par p${pick(["", " where p.owner = auth.uid()", " where p.lvl > 2", " where false"])})`,
    () =>
      `${pick(["", "not "])}exists (select 1 from par p where p.id = {t}.a${pick(["", " and p.owner = auth.uid()", " and p.owner = {t}.o", ` and p.lvl ${pick(["<", ">="])} {t}.b`, " and p.lvl = 3"])})`,
    () =>
      `${pick(["", "not "])}exists (select 1 from par p left join par q on q.lvl = p.id where q.id = {t}.a and p.lvl ${order()} ${r(4)})`,
    () =>
      `exists (select 1 from par p join par q on q.lvl = {t}.b where p.owner = auth.uid() and p.id = q.id)`,
    () =>
      `exists (with mine as (select p.id from par p where p.owner = auth.uid()) select 1 from mine where mine.id = {t}.a)`,
    () =>
      `exists (select 1 from par p where p.owner = auth.uid() union select 1 from par p where p.id = {t}.a and p.lvl = ${r(5)})`,
    () => `(select count(*) from par p where p.lvl <= {t}.b) ${pick(["=", ">", "<"])} ${r(4)}`,
    () => `(select max(p.lvl) from par p where p.owner = {t}.o) ${order()} ${r(4)}`,
    () =>
      `(select p.lvl from par p where p.id = {t}.a) ${pick(["=", ">", "<"])} ${pick(["2", String(r(5)), "my_level()"])}`,
    () => `owns(${pick(["a", "b", "m"])})`,
    () => `owns_pl(${pick(["a", "b"])})`,
    () => `${pick(["", "not "])}owns_as_keeper(${pick(["a", "b"])})`,
    () => `${pick(["", "not "])}owns_by_setting(${pick(["a", "b"])})`,
    () => `current_setting('app.user', true) ${pick(["is null", "= ''", `= '${me}'`, "= o::text"])}`,
    () => `u ${equal()} ${pick(["'free'", "'a'", "k"])}`,
    () => `level_of(a) ${order()} ${r(4)}`,
    () => `same_owner(o, ${pick(["auth.uid()", "null"])})`,
    () => `owns_row({t}.*)`,
    () => `coalesce(a, b, 1) ${pick(["=", ">", "<"])} ${r(4)}`,
    () => `coalesce(k, ${pick(["'a'", "v"])}) = ${pick(["'a'", "'free'"])}`,
    () => `case when flag then a > ${r(4)} else k = 'a' end`,
    () => `case k when 'a' then ${pick(["true", "flag"])} when 'free' then b = ${r(4)} end`,
    () => `nullif(k, 'a') ${pick(["= 'b'", "is null", "<> 'free'"])}`,
    () => `nullif(a, ${r(4)}) ${pick(["is null", "= 2", "> 1"])}`,
    () => `a ${pick(["", "not "])}between ${pick(["", "symmetric "])}${r(6)} and ${r(6)}`,
    () =>
      pick([
        "lower(k) = 'free'",
        "upper(k) <> 'FREE'",
        "a % 3 = 1",
        "a + b = 4",
        "length(k) > 3",
        "k like 'f%'",
        "a * 2 = 5",
        "k < 'b'",
        "k || 'x' = 'ax'",
      ]),
    () => `${pick(["greatest", "least"])}(a, ${pick(["2", "b"])}) ${pick(["=", "<", ">"])} ${r(5)}`,
    () => `(a, o) in (select p.id, p.owner from par p)`,
    () => `(a, b) ${pick(["=", "<>"])} (${r(4)}, ${r(4)})`,
    () => `(a, k) in ((1, 'a'), (2, 'free'))`,
    () => `auth.uid()::text = any (tags)`,
    () => `tags ${pick(["@>", "&&", "="])} '{a}'`,
    () =>
      `${pick(["", "not "])}(tags ${pick(["@>", "&&", "<@"])} ${pick(["'{a,b}'", "'{free}'", "'{}'", "array['a', null]"])})`,
    () => `${pick(["'a'", "'b'", plan])} ${pick(["= any", "<> all"])} (tags)`,
    () => `${pick(["a", "b"])}::text ${pick(["=", "<>", "<", "in"])} ${pick(["('2')", "('10')", plan])}`,
    () => `auth.jwt() -> 'app' -> 'levels' @> to_jsonb(${pick(["a", "b"])})`,
    () =>
      `to_jsonb(${pick(["a", "k"])}) ${equal()} ${pick(["'2'::jsonb", "'\"a\"'::jsonb", "'[2]'::jsonb"])}`,
    () => `left(k, 1) ${pick(["= 'f'", "in ('a', 'f')", "= any (array['a', 'z'])", "not in ('a')"])}`,
    () =>
      `left(k, 1) in (select left(p.owner::text, 1) from par p where p.owner = auth.uid() union select 'f')`,
    () => `j->>'o' = auth.uid()::text`,
    () => `(j->>'n') ${pick(["= '3'", "is null", "<> 'x'"])}`,
    () => `j = '{}'`,
    () => `({t}).a = ${r(4)}`,
    () =>
      pick([
        "true",
        "false",
        "null::boolean",
        "auth.uid() is not null",
        "auth.role() = 'authenticated'",
        `${plan} = 'gold'`,
        "my_level() > 2",
      ]),
  ];
  return text(pick(makers)());
}

/** Atoms that read the table itself. */
export function selfAtom(r: Random): Expression {
  const pick = (list: readonly string[]): string => list[r(list.length)] ?? "";
  return text(
    pick([
      "exists (select 1 from {t} s where s.a = {t}.a and s.o = auth.uid())",
      "exists (select 1 from {t} s where s.o = auth.uid() and s.flag)",
      "(select count(*) from {t} s where s.k = {t}.k) > 1",
      "not exists (select 1 from {t} s where s.a = {t}.b)",
      "a in (select s.b from {t} s where s.k = 'free')",
      "a = (select max(s.a) from {t} s)",
    ]),
  );
}

export function expression(r: Random, depth: number, leaf: (r: Random) => Expression = atom): Expression {
  if (depth === 0 || r(4) === 0) {
    const one = leaf(r);
    if (r(6) === 0) return { text: "not ($0)", parts: [one] };
    return r(12) === 0
      ? { text: `($0) is ${["true", "not true", "unknown", "not false"][r(4)]}`, parts: [one] }
      : one;
  }
  const parts = Array.from({ length: 2 + r(2) }, () => expression(r, depth - 1, leaf));
  const by = [" and ", " and ", " or "][r(3)] ?? " and ";
  return { text: parts.map((_, index) => `($${index})`).join(by), parts };
}

export function sqlOf({ text: sql, parts }: Expression, table: string): string {
  return sql
    .replaceAll(/\$(\d)/g, (_, index: string) => {
      const one = parts[Number(index)];
      return one === undefined ? "null" : sqlOf(one, table);
    })
    .replaceAll("{t}", table);
}

/** Smaller expressions of the same sort, the smallest first. */
export function smaller(of: Expression): readonly Expression[] {
  if (of.parts.length === 0)
    return of.text === "true" || of.text === "false" ? [] : [text("true"), text("false")];
  const within = of.parts.flatMap((one, index) =>
    smaller(one).map((less) => ({ ...of, parts: of.parts.map((each, at) => (at === index ? less : each)) })),
  );
  return [...of.parts, ...within];
}
