import { type Expression, me, other, type Random, sqlOf } from "./grammar.ts";

/** An expression that may be spelled otherwise with the same parts: nearly the same condition. */
export interface Spelled extends Expression {
  readonly parts: readonly Spelled[];
  readonly ways: readonly string[];
  /** How a row set says it: a helper's body in the place of its call. */
  readonly inRowSets?: readonly string[];
}

export interface FuzzTable {
  readonly name: string;
  readonly columns: readonly { readonly name: string; readonly notNull: boolean }[];
}

interface Kind {
  readonly type: string;
  readonly values: readonly string[];
  /** Conditions on a column, which `$0` is. */
  readonly atoms: readonly string[];
}

const words = ["on", "off", "idle"];
const ofWords = [
  "$0 = 'on'",
  "'on' = $0",
  "$0 <> 'off'",
  "$0 in ('on', 'idle')",
  "$0 in ('on')",
  "$0 = any (array['on', 'idle'])",
  "$0::text = 'on'",
  "not ($0 = 'off')",
  "$0 is not null",
  "coalesce($0, 'on') = 'on'",
  "$0 >= 'off'",
  "$0 between 'idle' and 'off'",
  "case $0 when 'on' then true when 'idle' then $0 is null else false end",
];
const ofNumbers = [
  "$0 = 1",
  "1 = $0",
  "$0 <> 2",
  "$0 >= 1",
  "$0 > 0",
  "$0 in (1, 2)",
  "$0 = any (array[1, 2])",
  "$0 = any ('{1,2}'::int[])",
  "$0 between 1 and 2",
  "$0::text = '1'",
  "$0::text = '01'",
  "$0::text > '1'",
  "$0 = 1.0",
  "not ($0 <> 1)",
  "$0 is not null",
  "coalesce($0, 1) = 1",
  "$0 in (1, null)",
];

/** By a column's name, which joins by USING and NATURAL meet by. */
export const kinds: Readonly<Record<string, Kind>> = {
  a: { type: "int", values: ["0", "1", "2"], atoms: ofNumbers },
  b: { type: "int", values: ["1", "2"], atoms: ofNumbers },
  m: { type: "numeric", values: ["1", "1.0", "2"], atoms: ofNumbers },
  l: { type: "int check (l in (2, 1))", values: ["1", "2"], atoms: ofNumbers },
  s: { type: "text check (s in ('on', 'off', 'idle'))", values: words, atoms: ofWords },
  w: { type: "text", values: ["on", "ON", "off"], atoms: [...ofWords, "lower($0) = 'on'"] },
  h: { type: "char(4)", values: words, atoms: ofWords },
  k: {
    type: "text collate fuzz_nocase",
    values: ["on", "ON", "off"],
    atoms: [...ofWords, "lower($0) = 'on'"],
  },
  e: {
    type: "fuzz_state",
    values: words,
    atoms: [...ofWords, "$0 < 'off'", "$0 <= 'off'", "not ($0 > 'on')"],
  },
  f: {
    type: "boolean",
    values: ["true", "false"],
    atoms: [
      "$0",
      "not $0",
      "$0 is true",
      "$0 is not false",
      "$0 = true",
      "$0 <> false",
      "coalesce($0, false)",
      "coalesce($0, true)",
      "not ($0 is null)",
      "case when $0 then true else false end",
    ],
  },
  u: {
    type: "uuid",
    values: [me, other],
    atoms: [
      "$0 = auth.uid()",
      "$0 = auth.uid()",
      "$0 = (select auth.uid())",
      "auth.uid() = $0",
      "$0::text = auth.uid()::text",
      "$0 in (auth.uid())",
      `$0 = '${me}'`,
      `$0 in (auth.uid(), '${other}')`,
      "$0 is not null",
      "coalesce($0, auth.uid()) = auth.uid()",
      "not ($0 is distinct from auth.uid())",
    ],
  },
};

type Scope = readonly { readonly alias: string; readonly columns: readonly string[] }[];
/** Columns whose types differ and that are compared all the same. */
const comparable: readonly (readonly string[])[] = [
  ["a", "b", "m", "l"],
  ["s", "w", "h", "k"],
];
export const everyColumn = Object.keys(kinds);

const leaf = (text: string): Spelled => ({ text, parts: [], ways: [text] });
const one = <T>(r: Random, list: readonly T[]): T => list[r(list.length)] as T;
const spelled = (r: Random, ways: readonly string[], parts: readonly Spelled[]): Spelled => ({
  text: one(r, ways),
  ways,
  parts,
});

/** What a row set says of the persona is a value: it is evaluated without a session. */
export const asRowSet = (text: string): string => text.replaceAll("auth.uid()", `'${me}'::uuid`);

/** `$0`: the row's value, `$1`: the query's, `$2`: FROM, `$3`: WHERE. */
const memberships = [
  "exists (select 1 from $2 where $1 = $0 and $3)",
  "exists (select 1 from $2 where $1 = $0 and $3)",
  "$0 in (select $1 from $2 where $3)",
  "$0 in (select $1 from $2 where $3)",
  "$0 = any (array(select $1 from $2 where $3))",
  "$0 = (select $1 from $2 where $3 limit 1)",
  "$0 = (select $1 from $2 where $3 and $1 = $0 limit 1)",
  "(select $0 = $1 from $2 where $3 limit 1)",
  "$0 = (select max($1) from $2 where $3)",
  "$0 in (select $1 from $2 where $3 group by $1)",
  "$0 in (select $1 from $2 where $3 group by $1 having count(*) > 1)",
  "$0 in (select distinct $1 from $2 where $3)",
  "exists (select 1 from (select $1 as v from $2 where $3) x where x.v = $0)",
  "exists (select 1 from (select $1 as v from $2 where $3 limit 1) x where x.v = $0)",
  "exists (select 1 from (select * from $2) y (v) where y.v = $0)",
  "$0 in (with c as (select $1 as v from $2 where $3) select c.v from c)",
  "$0 in (select $1 from $2 where $3 union select $1 from $2 where $1 = $0)",
  "$0 in (select $1 from $2 where $3 except select $1 from $2 where $1 is null)",
  "$0 in (select $1 from $2 where $3 intersect select $1 from $2)",
  "coalesce($0 in (select $1 from $2 where $3), false)",
  "coalesce($0 in (select $1 from $2 where $3), true)",
  "(select bool_or($1 = $0) from $2 where $3)",
  "(select coalesce(bool_or($1 = $0), false) from $2 where $3)",
  "(select count(*) from $2 where $1 = $0 and $3) > 0",
  "exists (select count(*) from $2 where $1 = $0 and $3)",
  "exists (select max($1) from $2 where $3 having max($1) = $0)",
  "exists (select 1 from $2 where $1 = $0 and $3 group by $1)",
  "exists (select 1 from $2 where $1 = $0 and $3 offset 1)",
  "not ($0 not in (select $1 from $2 where $3))",
  "not (not exists (select 1 from $2 where $1 = $0 and $3))",
  "not exists (select 1 from $2 where $1 = $0 and $3)",
  "$0 is not distinct from (select $1 from $2 where $3 limit 1)",
  "($0, true) in (select $1, $3 from $2)",
  "(true, $0) = any (select $3, $1 from $2)",
  "case when $0 in (select $1 from $2 where $3) then true else false end",
  "case when $0 is null then true else $0 in (select $1 from $2 where $3) end",
  "exists (select 1 from (select $1 as v, count(*) as n from $2 where $3 group by $1) z where z.v = $0 and z.n >= 1)",
  "exists (select 1 from (select $0 as v) z join (select $1 as v from $2 where $3) y on y.v = z.v)",
  "exists (select 1 from (select $0 as v) z join (select $1 as v from $2 where $3) y using (v))",
  "exists (select 1 from (select $0 as v) z natural join (select $1 as v from $2 where $3) y)",
  "exists (select 1 from (select $0 as v) z left join (select $1 as v from $2 where $3) y on y.v = z.v where y.v is not null)",
  "exists (select 1 from (select $0 as v) z left join (select $1 as v from $2 where $3) y on y.v = z.v)",
  "exists (select 1 from (select 1 as v union select $0) z join (select $1 as v from $2 where $3) y on y.v = z.v)",
];

/** `$0`, `$1`: tables, `$2`: the condition. */
const joins = [
  "$0 join $1 on $2",
  "$0 join $1 on $2",
  "$1 join $0 on $2",
  "$0 left join $1 on $2",
  "$0 right join $1 on $2",
  "$0 full join $1 on true",
  "$0 cross join $1",
  "$0 join $1 using (a)",
  "$0 left join $1 using (a)",
  "$0 join $1 using (a, u)",
  "$0 natural join $1",
  "$0 natural left join $1",
];
const ands = [
  "$0 and $1",
  "$0 and $1",
  "$1 and $0",
  "$0",
  "$1",
  "$0 or $1",
  "($0 and $1) is true",
  "case when $0 then $1 end",
];
const ors = [
  "$0 or $1",
  "$0 or $1",
  "$0",
  "$1",
  "not (not $0 and not $1)",
  "case when $0 then true else $1 end",
  "coalesce($0, $1)",
];
const nots = ["not $0", "$0", "$0 is not true", "$0 is false"];

const inBrackets = (of: Spelled): Spelled => ({
  ...of,
  text: `(${of.text})`,
  ways: of.ways.map((way) => `(${way})`),
  ...(of.inRowSets === undefined ? {} : { inRowSets: of.inRowSets.map((way) => `(${way})`) }),
});

export class ConditionMaker {
  readonly #r: Random;
  readonly #tables: readonly FuzzTable[];
  /** Statements that make the helper functions. */
  readonly functions: string[] = [];

  constructor(r: Random, tables: readonly FuzzTable[]) {
    this.#r = r;
    this.#tables = tables;
  }

  #pick<T>(list: readonly T[]): T {
    return one(this.#r, list);
  }

  #column(scope: Scope, name?: string): { readonly name: string; readonly of: Spelled } {
    const having = scope.filter(({ columns }) => name === undefined || columns.includes(name));
    const { alias, columns } = this.#pick(having.length > 0 ? having : scope);
    const chosen = name !== undefined && columns.includes(name) ? name : this.#pick(columns);
    return { name: chosen, of: leaf(this.#r(24) === 0 ? chosen : `${alias}.${chosen}`) };
  }

  #atom(scope: Scope): Spelled {
    const { name, of } = this.#column(scope);
    const atoms = kinds[name]?.atoms ?? ["true"];
    if (scope.length > 1 && this.#r(3) === 0)
      return spelled(
        this.#r,
        [
          "$0 = $1",
          "$0 = $1",
          "$1 = $0",
          "$0 >= $1",
          "not ($0 <> $1)",
          "$0 is not distinct from $1",
          "$0::text = $1::text",
          "coalesce($0, $1) = $1",
          "($0, $1) = ($1, $0)",
          "$0 is not null",
        ],
        [of, this.#column(scope, this.#pick(comparable.find((all) => all.includes(name)) ?? [name])).of],
      );
    return spelled(this.#r, atoms, [of]);
  }

  /** On the rows of the scope. */
  condition(scope: Scope, depth: number): Spelled {
    const how = this.#r(depth > 0 ? 9 : 3);
    const inner = (): Spelled => this.condition(scope, depth - 1);
    if (how < 2) return inBrackets(this.#atom(scope));
    if (how === 2 && depth <= 0) return inBrackets(this.#mine(scope));
    if (how < 5) return inBrackets(spelled(this.#r, ands, [inner(), inner()]));
    if (how === 5) return inBrackets(spelled(this.#r, ors, [inner(), inner()]));
    if (how === 6 && this.#r(2) === 0) return inBrackets(spelled(this.#r, nots, [inner()]));
    return inBrackets(this.membership(scope, depth));
  }

  #mine(scope: Scope): Spelled {
    return spelled(this.#r, kinds["u"]?.atoms ?? [], [this.#column(scope, "u").of]);
  }

  #from(prefix: string): { readonly from: Spelled; readonly scope: Scope } {
    const item = (): { readonly of: Spelled; readonly scope: Scope } => {
      const { name, columns } = this.#pick(this.#tables);
      const alias = `${this.#pick(["x", "y", "z"])}${this.#r(4) === 0 ? "" : prefix}`;
      return { of: leaf(`${name} ${alias}`), scope: [{ alias, columns: columns.map((each) => each.name) }] };
    };
    const first = item();
    if (this.#r(5) < 3) return { from: first.of, scope: first.scope };
    let second = item();
    while (second.scope[0]?.alias === first.scope[0]?.alias) second = item();
    const scope = [...first.scope, ...second.scope];
    const on = inBrackets(this.#r(4) === 0 ? this.#atom(scope) : this.#met(first.scope, second.scope));
    return { from: spelled(this.#r, joins, [first.of, second.of, on]), scope };
  }

  #met(left: Scope, right: Scope): Spelled {
    const { name, of } = this.#column(left, "a");
    return spelled(this.#r, ["$0 = $1", "$1 = $0", "$0 <= $1"], [of, this.#column(right, name).of]);
  }

  membership(outer: Scope, depth: number): Spelled {
    const { name, of } = this.#column(outer, this.#r(2) === 0 ? "a" : undefined);
    const isHelper = this.#r(4) === 0 && name === "a";
    const { from, scope } = this.#from(String(depth));
    const value = this.#column(scope, name).of;
    const visible = [
      ...scope,
      ...(isHelper ? [] : outer.filter(({ alias }) => !scope.some((own) => own.alias === alias))),
    ];
    const where = inBrackets(
      spelled(this.#r, ands, [inBrackets(this.#mine(scope)), this.condition(visible, depth - 1)]),
    );
    const parts = [of, value, from, where];
    return isHelper ? this.#helper(parts) : spelled(this.#r, memberships, parts);
  }

  #helper(parts: readonly Spelled[]): Spelled {
    const name = `fuzz_f${this.functions.length}`;
    const [, value, from, where] = parts.map((part) => sqlOf(part, "t"));
    const query = `select ${value} from ${from} where ${where}`;
    const body = sqlOf({ text: one(this.#r, memberships), parts: [leaf("wanted"), ...parts.slice(1)] }, "t");
    const sql = "language sql stable security definer set search_path = 'public' as";
    const pl = "language plpgsql stable security definer set search_path = 'public' as";
    const [made, ways] = this.#pick<readonly [string, readonly string[]]>([
      [
        `(wanted int) returns boolean ${sql} $f$ select ${body} $f$`,
        [`${name}($0)`, `coalesce(${name}($0), false)`, `(select ${name}($0))`],
      ],
      [
        `(wanted int) returns boolean ${pl} $f$ begin if wanted is null then return false; end if; return ${body}; end $f$`,
        [`${name}($0)`, `${name}($0) is true`],
      ],
      [
        `(wanted int) returns boolean ${pl} $f$ declare found_one int; begin select ${value} into found_one from ${from} where ${where}; return found_one = wanted; end $f$`,
        [`${name}($0)`],
      ],
      [
        `(wanted int) returns boolean ${pl} $f$ begin if auth.uid() is null then return true; elsif ${body} then return true; end if; return false; end $f$`,
        [`${name}($0)`],
      ],
      [
        `() returns int ${sql} $f$ ${query} limit 1 $f$`,
        [
          `$0 = ${name}()`,
          `${name}() = $0`,
          `exists (select 1 from ${name}() as g where g = $0)`,
          `exists (select 1 from ${name}() as g)`,
          `$0 in (select ${name}())`,
        ],
      ],
      [
        `() returns setof int ${sql} $f$ ${query} $f$`,
        [
          `$0 in (select ${name}())`,
          `$0 in (select * from ${name}())`,
          `exists (select 1 from ${name}() as g where g = $0)`,
          `exists (select 1 from ${name}() as g (v) where g.v = $0)`,
          `$0 = any (array(select ${name}()))`,
          `exists (select ${name}())`,
        ],
      ],
      [
        `() returns setof int ${pl} $f$ begin return query ${query}; end $f$`,
        [`$0 in (select ${name}())`, `exists (select 1 from ${name}() as g where g = $0)`],
      ],
    ]);
    this.functions.push(`create function ${name} ${made}`);
    return { text: one(this.#r, ways), ways, inRowSets: memberships.slice(0, 6), parts };
  }
}

/** Nearly the same, as a row set says it. */
export function variationOf(r: Random, of: Spelled, odds = 5): Spelled {
  const ways = of.inRowSets ?? of.ways;
  const isOther = of.inRowSets !== undefined || r(odds) === 0;
  return {
    text: isOther ? one(r, ways) : of.text,
    ways,
    parts: of.parts.map((part) => variationOf(r, part, odds)),
  };
}
