import { beforeAll, expect, test } from "vitest";
import type { EscalationFunction } from "../../../src/escalate/catalog.ts";
import { normalBody } from "../../../src/gate/normal-body.ts";
import { doesNoMore, type Running } from "../../../src/gate/tighter.ts";
import { loadParser } from "../../../src/lib/sql-tree.ts";

beforeAll(loadParser);

interface How {
  readonly language?: string;
  readonly searchPath?: string | null;
  readonly returnsSet?: boolean;
  /** A trigger runs it, and no user calls it. */
  readonly isTriggers?: boolean;
}

function running(
  source: string,
  { language = "plpgsql", searchPath = "", returnsSet = true, isTriggers }: How,
): Running {
  const fn: EscalationFunction = {
    oid: "1",
    schema: "public",
    name: "f",
    language,
    source,
    sqlBody: null,
    extension: false,
    definer: true,
    returnsSet,
    searchPath,
    trigger: isTriggers === true,
    returns: isTriggers === true ? "trigger" : "text",
    argumentNames: ["p_id", "p_team"],
    argumentTypes: ["integer", "integer"],
    argumentLabels: [null, null],
  };
  const body = normalBody(fn, { known: new Set(), isCalledByUser: true });
  return {
    when: "",
    functions: [{ fn, rights: "postgres", body }],
    called: isTriggers === true ? undefined : "1",
    knows: { mayCall: ({ name }) => name === "is_member", isOwnFunction: (name) => name === "length" },
  };
}

function isTighter(before: string, after: string, how: How = {}, then: How = how): boolean {
  return doesNoMore(running(before, how), running(after, then));
}

const refused = "raise exception 'no' using errcode = '42501'; end if;";
const update = "update docs set title = 'x' where id = p_id";
const rows = "select title from docs where team = 1";

/** Before `update …; return;`, or behind it. */
const checks: Readonly<Record<string, readonly [condition: string, passes: boolean]>> = {
  "who calls": ["auth.uid() is null", true],
  "who calls, by a variable": [
    "v_caller is null or v_caller <> '10000000-0000-4000-8000-000000000001'",
    true,
  ],
  "an argument": ["p_id < 1 or p_team is null", true],
  "the caller's own rows": [
    "not exists (select 1 from members m where m.team = p_team and m.person = auth.uid())",
    true,
  ],
  "the caller's own row, by its value": [
    "(select role from members where person = v_caller) <> 'admin'",
    true,
  ],
  "a function that the caller may call": ["not is_member(p_team)", true],
  "a row by a constant": ["v_doc.locked", true],
  "a function that the caller may not call": ["not is_owner(p_team)", false],
  "others' rows": ["exists (select 1 from members m where m.team = p_team)", false],
  "others' rows beside the caller's": [
    "exists (select 1 from members m where m.person = auth.uid() or m.team = p_team)",
    false,
  ],
  "a row by an argument": ["v_doc.salary > p_id", false],
  "a row by a claim": ["v_doc.title = auth.jwt() ->> 'guess'", false],
  "a constant in the place of who calls": [
    "exists (select 1 from members m where m.person = 'x'::uuid and m.team = p_team)",
    false,
  ],
  "another function by a known name": ["length(p_team::text) > 1", false],
  "an operator of another schema": ["p_id operator(public.=) p_team", false],
};

test.each(Object.entries(checks))("a check of %s", (_, [condition, passes]) => {
  const declared = "declare v_caller uuid := auth.uid(); v_doc docs; begin";
  const check = `if ${condition} then ${refused}`;
  const before = `${declared} ${update}; return; end`;
  expect([
    isTighter(before, `${declared} ${check} ${update}; return; end`),
    isTighter(before, `${declared} ${update}; ${check} return; end`),
    isTighter(`${declared} ${check} ${update}; return; end`, before),
  ]).toEqual([passes, passes, false]);
});

const bodies: Readonly<
  Record<string, readonly [before: string, after: string, passes: boolean, how?: How, then?: How]>
> = {
  "fewer rows are changed": [`begin ${update}; end`, `begin ${update} and owner = auth.uid(); end`, true],
  "fewer rows are deleted": [
    "delete from docs",
    "delete from docs where owner = auth.uid()",
    true,
    { language: "sql" },
  ],
  "more rows are changed": [`begin ${update}; end`, `begin ${update} or owner = auth.uid(); end`, false],
  "other rows are changed": [
    `begin ${update}; end`,
    `begin ${update.replace("p_id", "p_team")} and owner = auth.uid(); end`,
    false,
  ],
  "what changes is changed": [
    `begin ${update}; end`,
    `begin ${update.replace("'x'", "'y'")} and owner = auth.uid(); end`,
    false,
  ],
  "a command behind it asks how many": [
    `begin ${update}; if not found then insert into docs values (1); end if; end`,
    `begin ${update} and owner = auth.uid(); if not found then insert into docs values (1); end if; end`,
    false,
  ],
  "a row is found by what is asked": [
    `begin ${update}; end`,
    `begin ${update} and salary > p_team; end`,
    false,
  ],
  "fewer rows where they are changed for some": [
    `begin if p_id > 0 then ${update}; end if; end`,
    `begin if p_id > 0 then ${update} and owner = auth.uid(); end if; end`,
    true,
  ],
  "fewer rows each time": [
    "begin for p_id in 1..2 loop delete from docs where not exists (select from docs); end loop; end",
    "begin for p_id in 1..2 loop delete from docs where not exists (select from docs) and auth.uid() is not null; end loop; end",
    false,
  ],
  "a trigger clears up less": [
    "begin delete from members where person = old.id; return old; end",
    "begin delete from members where person = old.id and team = 1; return old; end",
    false,
    { isTriggers: true },
  ],
  "a trigger refuses more": [
    "begin new.at := now(); return new; end",
    `begin if new.role is distinct from old.role then ${refused} new.at := now(); return new; end`,
    true,
    { isTriggers: true },
  ],
  "fewer rows are returned": [rows, `${rows} and owner = auth.uid()`, true, { language: "sql" }],
  "fewer rows are returned by RETURN QUERY": [
    `begin return query ${rows}; end`,
    `begin return query ${rows} and not hidden; end`,
    true,
  ],
  "another first row": [
    rows,
    `${rows} and owner = auth.uid()`,
    false,
    { language: "sql", returnsSet: false },
  ],
  "the first row for fewer callers": [
    rows,
    `${rows} and auth.uid() is not null`,
    true,
    { language: "sql", returnsSet: false },
  ],
  "another greatest": [
    rows.replace("title", "max(title)"),
    `${rows.replace("title", "max(title)")} and owner = auth.uid()`,
    false,
    { language: "sql" },
  ],
  "others among the first ten": [
    `${rows} limit 10`,
    `${rows} and owner = auth.uid() limit 10`,
    false,
    { language: "sql" },
  ],
  "rows that another query leaves out": [
    `${rows} except select title from docs where team = 2`,
    `${rows} except select title from docs where team = 2 and owner = auth.uid()`,
    false,
    { language: "sql" },
  ],
  "fewer rows that forbid": [
    "select title from docs where not exists (select from bans where person = auth.uid())",
    "select title from docs where not exists (select from bans where person = auth.uid() and active)",
    false,
    { language: "sql" },
  ],
  "a check that is caught": [
    `begin begin ${update}; exception when others then delete from docs; end; end`,
    `begin begin if p_id < 1 then ${refused} ${update}; exception when others then delete from docs; end; end`,
    false,
  ],
  "a check that gives away what was read": [
    `declare v text; begin select title into v from docs; ${update}; end`,
    `declare v text; begin select title into v from docs; if auth.uid() is null then raise exception 'no %', v; end if; ${update}; end`,
    false,
  ],
  "a check that is a message": [
    `begin ${update}; end`,
    `begin if p_id < 1 then raise notice 'no'; end if; ${update}; end`,
    false,
  ],
  "a check that does more": [
    `begin ${update}; end`,
    `begin if p_id < 1 then raise exception 'no'; else delete from docs; end if; ${update}; end`,
    false,
  ],
  "temporary objects last": [update, update, true, { searchPath: "" }, { searchPath: "pg_catalog, pg_temp" }],
  "temporary objects first": [
    update,
    update,
    false,
    { searchPath: "pg_catalog, pg_temp" },
    { searchPath: '""' },
  ],
  "the caller's path no longer": [update, update, true, { searchPath: null }, { searchPath: '""' }],
  "the caller's path": [update, update, false, { searchPath: '""' }, { searchPath: null }],
  "a schema more": [update, update, false, { searchPath: '""' }, { searchPath: "public, pg_temp" }],
  "a body that asks for its path": [
    "begin perform current_schemas(true); end",
    "begin perform current_schemas(true); end",
    false,
    { searchPath: "" },
    { searchPath: "pg_catalog, pg_temp" },
  ],
};

test.each(Object.entries(bodies))("%s", (_, [before, after, passes, how = {}, then = how]) => {
  expect(isTighter(before, after, how, then)).toBe(passes);
});
