import {
  asRowSet,
  ConditionMaker,
  everyColumn,
  type FuzzTable,
  kinds,
  type Spelled,
  variationOf,
} from "./contained-grammar.ts";
import { type Pair, typeOf } from "./contained.ts";
import { type Expression, type Random, sqlOf } from "./grammar.ts";

/** As a table of the other tests, with what keeps rows apart. */
export interface KeyedTable extends FuzzTable {
  /** Constraints, as CREATE TABLE takes them. */
  readonly rules: readonly string[];
  /** Statements that make the rest: of those that Postgres refuses there is nothing. */
  readonly besides: readonly string[];
}

/** Values of a row that is put in, or that rows are set to. */
export interface PlainChange {
  readonly table: string;
  readonly row: Readonly<Record<string, string | null>>;
  readonly isNew: boolean;
}

const pick = <T>(r: Random, list: readonly T[]): T => list[r(list.length)] as T;

export function keyed(r: Random, all: readonly FuzzTable[]): readonly KeyedTable[] {
  return all.map((table) => {
    const [rules, besides]: [string[], string[]] = [[], []];
    for (let keys = r(4) === 0 ? 0 : 1 + r(2); keys > 0; keys--) {
      const names = keyOf(r, table);
      const on = names.join(", ");
      const made = r(8);
      if (made === 0)
        besides.push(
          `create unique index on ${table.name} (${names.map((one) => (/^[kw]$/.test(one) ? `${one} collate "C"` : one)).join(", ")})`,
        );
      else if (made === 1) besides.push(`create unique index on ${table.name} (${on}) where u is not null`);
      else if (made === 2) besides.push(`create unique index on ${table.name} (${on}) nulls not distinct`);
      else if (made === 3) rules.push(`unique (${on}) deferrable`);
      else if (made === 4) besides.push(`alter table ${table.name} add primary key (${on})`);
      else rules.push(`unique (${on})`);
    }
    return { ...table, rules, besides };
  });
}

function keyOf(r: Random, { columns }: FuzzTable): readonly string[] {
  const names = columns.map((one) => one.name);
  const first = r(3) === 0 ? pick(r, names) : "a";
  const second = pick(r, names);
  return r(3) === 0 && second !== first ? [first, second] : [first];
}

/** What else happens when rows are put in or set. */
export function effectsOf(r: Random, all: readonly KeyedTable[]): readonly string[] {
  const [on, of] = [pick(r, all), pick(r, all)];
  if (r(2) === 0) return [];
  if (r(3) === 0) {
    const does = pick(r, ["on update cascade", "on update set null", ""]);
    return [`alter table ${on.name} add foreign key (a) references ${of.name} (a) ${does}`];
  }
  const column = pick(r, of.columns).name;
  const body = pick(r, [
    `delete from ${of.name} where random() < 0.5; return new;`,
    `delete from ${of.name} where random() < 0.5; return new;`,
    `update ${of.name} set ${column} = ${valueSql(column)} where random() < 0.5; return new;`,
    `insert into ${of.name} (a, u) select ${valueSql("a")}, ${valueSql("u")}; return new;`,
  ]);
  const event = pick(r, ["after insert", "after insert or update", "after update"]);
  const [time, does] =
    r(6) === 0 ? ["before insert or update", "new.a := floor(random() * 3); return new;"] : [event, body];
  return [
    `create function happens() returns trigger language plpgsql as $$ begin if pg_trigger_depth() > 1 then return new; end if; ${does} end $$`,
    `create trigger happens ${time} on ${on.name} for each row execute function happens()`,
  ];
}

/** One of the values that a column may hold. */
export function valueSql(column: string, values = kinds[column]?.values ?? []): string {
  return `(array[${values.map((one) => `'${one}'`).join(", ")}])[1 + floor(random() * ${values.length})]::${typeOf(column)}`;
}

function renamed(of: Spelled, from: string, to: string): Spelled {
  const put = (text: string): string => text.replaceAll(new RegExp(`\\b${from}\\.`, "g"), `${to}.`);
  return {
    text: put(of.text),
    ways: of.ways.map(put),
    parts: of.parts.map((one) => renamed(one, from, to)),
    ...(of.inRowSets === undefined ? {} : { inRowSets: of.inRowSets.map(put) }),
  };
}

const text = (sql: string, ...parts: readonly Spelled[]): Spelled => ({ text: sql, ways: [sql], parts });

/** Pairs of which what the tables hold decides whether the one is within the other. */
export class PairMaker {
  readonly #r: Random;
  readonly #maker: ConditionMaker;
  readonly #tables: readonly KeyedTable[];
  readonly #own: KeyedTable;

  /** @param own the table that the policy is one of: it reads it as well */
  constructor(r: Random, tables: readonly KeyedTable[], own: KeyedTable) {
    this.#r = r;
    this.#tables = tables;
    this.#own = own;
    this.#maker = new ConditionMaker(r, r(2) === 0 ? tables : [...tables, own]);
  }

  get functions(): readonly string[] {
    return this.#maker.functions;
  }

  pair(): Pair {
    const scope = [{ alias: "t", columns: everyColumn }];
    const how = this.#r(6);
    if (how === 0) return this.#ownKey();
    if (how === 1) return this.#twoOfOneKey();
    const member = this.#maker.membership(scope, 1);
    const within = variationOf(this.#r, member, 20);
    const open = this.#open();
    if (how === 2) return { policy: text("($0) or ($1)", member, open), rows: within };
    if (how === 3) {
      const other = this.#maker.condition(scope, 1);
      return { policy: text("($0) or ($1) and ($2)", member, open, other), rows: within };
    }
    if (how === 4) return { policy: open, rows: pick(this.#r, [text("false"), within]) };
    return { policy: this.#reached(), rows: pick(this.#r, [text("false"), within]) };
  }

  /** It reads no row of the policy's own table, or none that it is about. */
  #open(): Spelled {
    const table = pick(this.#r, [...this.#tables, this.#own]);
    return text(`exists (select 1 from ${table.name} x9 where $0)`, this.#asked(table, "x9"));
  }

  #reached(): Spelled {
    const table = pick(this.#r, this.#tables);
    const column = pick(this.#r, table.columns).name;
    return text(
      `exists (select 1 from ${table.name} x9 where x9.${column} = t.${column} and $0)`,
      this.#asked(table, "x9"),
    );
  }

  /** Some values that a row holds, most of them in the columns of a key. */
  #asked(table: KeyedTable, alias: string): Spelled {
    const key = pick(this.#r, [
      /\(([^()]*)\)/.exec(table.rules[0] ?? "(a)")?.[1]?.split(", ") ?? [],
      ["a"],
      [],
    ]);
    const more = pick(this.#r, table.columns).name;
    const parts = [...new Set([...key, ...pick(this.#r, [["u"], []]), more])].map((name) => {
      const value = pick(this.#r, kinds[name]?.values ?? []);
      const own = name === "u" && this.#r(2) === 0 ? "auth.uid()" : `'${value}'`;
      const operator = pick(this.#r, ["=", "=", "=", "<>", ...(name === "u" || name === "f" ? [] : [">="])]);
      return `${alias}.${name} ${operator} ${own}`;
    });
    if (this.#r(3) > 0) return text(parts.join(" and "));
    const columns = table.columns.map((one) => one.name);
    return text(`${parts.slice(0, 2).join(" and ")} and $0`, this.#maker.condition([{ alias, columns }], 0));
  }

  /** What is asked of a row with the same key is asked of the row itself. */
  #ownKey(): Pair {
    const key = keyIn(this.#r, this.#own);
    const columns = this.#own.columns.map((one) => one.name);
    const asked = this.#maker.condition([{ alias: "x9", columns }], 1);
    const met = key.map((one) => `x9.${one} = t.${one}`).join(" and ");
    return {
      policy: text(`exists (select 1 from t x9 where ${met} and $0)`, asked),
      rows: variationOf(this.#r, renamed(asked, "x9", "t"), 20),
    };
  }

  #twoOfOneKey(): Pair {
    const table = pick(this.#r, this.#tables);
    const columns = table.columns.map((one) => one.name);
    const met = keyIn(this.#r, table)
      .map((one) => `x9.${one} = x8.${one}`)
      .join(" and ");
    const one = this.#asked(table, "x8");
    const two = this.#maker.condition([{ alias: "x9", columns }], 0);
    const on = pick(this.#r, columns);
    return {
      policy: text(
        `exists (select 1 from ${table.name} x8 join ${table.name} x9 on ${met} where x8.${on} = t.${on} and $0 and $1)`,
        one,
        two,
      ),
      rows: text(
        `exists (select 1 from ${table.name} x8 where x8.${on} = t.${on} and $0 and $1)`,
        one,
        renamed(two, "x9", "x8"),
      ),
    };
  }

  changes(): readonly PlainChange[] {
    const first = this.#change(pick(this.#r, [...this.#tables, ...this.#tables, this.#own]));
    if (this.#r(3) === 0) return [first];
    const again = pick(this.#r, [...this.#tables, this.#own]);
    return [first, this.#change(this.#r(2) === 0 ? again : (this.#named(first.table) ?? again))];
  }

  #named(name: string): KeyedTable | undefined {
    return this.#tables.find((one) => one.name === name);
  }

  #change({ name, columns }: KeyedTable): PlainChange {
    const isNew = name === "t" || this.#r(2) === 0;
    const odds = isNew ? [3, 4] : [1, 3];
    const some = columns.filter(() => this.#r(odds[1] ?? 1) < (odds[0] ?? 1));
    const set = some.length > 0 ? some : [pick(this.#r, columns)];
    const row = set.map((one) => {
      const values = kinds[one.name]?.values ?? [];
      return [one.name, !one.notNull && this.#r(8) === 0 ? null : pick(this.#r, values)];
    });
    return { table: name, row: Object.fromEntries(row) as PlainChange["row"], isNew };
  }
}

function keyIn(r: Random, { rules, besides }: KeyedTable): readonly string[] {
  const found = [...rules, ...besides].map(
    (one) =>
      /\(([^()]*)\)/
        .exec(one)?.[1]
        ?.replaceAll(/ collate "C"/g, "")
        .split(", ") ?? [],
  );
  return found.length > 0 && r(6) > 0 ? pick(r, found) : ["a"];
}

export const rowSetOf = (rows: Expression): string => asRowSet(sqlOf(rows, "t"));
