import { execFileSync } from "node:child_process";

import { parse } from "libpg-query";
import { describe, expect, it } from "vitest";

import { foldShell, foldSql } from "../../../src/report/paste.ts";
import { columns } from "../../../src/report/text.ts";

/** What Postgres's own parser makes of a text, without the places at which it found it. */
async function meaning(sql: string): Promise<string> {
  return JSON.stringify(await parse(sql), (name, value: unknown) =>
    /^(?:location|stmt_(?:len|location)|rexpr_list_(?:start|end))$/.test(name) ? undefined : value,
  );
}

/** What a shell makes of a command: the arguments that it would pass on. */
function shellArguments(command: string): string {
  const shown = `show() { printf '<%s>\\n' "$@"; }; rowgate() { printf '%s' "token of $*"; }; ${command}`;
  return execFileSync("sh", ["-c", shown], { encoding: "utf8", env: { URL: "http://localhost:3000" } });
}

const claims = JSON.stringify({
  sub: "7c9e6679-7425-40de-944b-e07fc1f90ae7",
  name: "O'Neill, 'x'",
  role: "a b",
});
const literal = `'${claims.replaceAll("'", "''")}'`;

const blocks: Readonly<Record<string, string>> = {
  short: "select 1;",
  "several statements": "begin;\nset local role authenticated;\nselect count(*) from t;\nrollback;",
  "a long list": `select ${Array.from({ length: 40 }, (_, index) => `column_${index}`).join(", ")} from t;`,
  "a long literal with doubled quotes": `select set_config('request.jwt.claims', ${literal}, true);`,
  "a literal of quotes only": `select '${"''".repeat(60)}' as x;`,
  "a literal with a cast": `select ${literal}::jsonb -> 'sub' as "a ""quoted"" name" from "public"."a table";`,
  "a long quoted name": `select 1 as "${"x y ".repeat(15)}";`,
  "an indented line": `select 1 where\n    a in (${Array.from({ length: 30 }, (_, index) => index).join(", ")});`,
  "an E literal": String.raw`select E'it\'s ${"long ".repeat(20)}', 2;`,
  "a comment": `select 1, -- ${"it's a comment ".repeat(8)}\n 2;`,
  "a literal over two lines": `select 'first ${"word ".repeat(20)}\nsecond ${"word ".repeat(20)}';`,
  "dollar quotes": `do $$ begin perform 'it''s ${"long ".repeat(20)}'; end $$;`,
  "dollar quotes around an apostrophe": `select $x$it's ${"long   ".repeat(20)}$x$, 'b';`,
};

describe("a block for psql", () => {
  it.each(Object.entries(blocks))("%s: means the same when it is folded", async (_name, block) => {
    for (const width of [30, 50, 76]) {
      expect(await meaning(foldSql(block, width).join("\n"))).toBe(await meaning(block));
    }
  });

  it.each(["a long list", "a long literal with doubled quotes", "a literal with a cast", "an indented line"])(
    "%s: fits",
    (name) => {
      const lines = foldSql(blocks[name] ?? "", 50);
      expect(lines.length).toBeGreaterThan(2);
      expect(lines.filter((line) => columns(line) > 50)).toEqual([]);
    },
  );

  it("comes to an end however narrow it is", async () => {
    for (const width of [0, 1, 2, 3, 4, 5]) {
      const block = blocks["a long literal with doubled quotes"] ?? "";
      expect(await meaning(foldSql(block, width).join("\n"))).toBe(await meaning(block));
    }
  });

  it("leaves psql's own commands whole", () => {
    const command = String.raw`\set claims '${"x ".repeat(60)}'`;
    expect(foldSql(`${command}\nselect 1;`, 50)).toEqual([command, "select 1;"]);
  });
});

const commands: Readonly<Record<string, string>> = {
  short: "show a b",
  curl: `show -sS "$URL/rest/v1/courses?select=id&order=id" -H "apikey: $KEY" -H "Authorization: Bearer $(rowgate token ana --matrix 'matrices/a b.yaml' --target "local one")" -H 'Prefer: count=exact'`,
  "an escaped space": String.raw`show one\ word two\\ three "a \" b  c" 'd \' e ${"f ".repeat(40)}`,
  "an apostrophe in a single-quoted word": String.raw`show 'it'\''s  one word' "${"and ".repeat(20)}" ${"more ".repeat(20)}`,
  "a dollar quote": String.raw`show $URL ${"word ".repeat(20)} "$URL"`,
};

describe("a line for a shell", () => {
  it.each(Object.entries(commands))("%s: passes the same arguments when it is folded", (_name, command) => {
    for (const width of [30, 50, 76]) {
      expect(shellArguments(foldShell(command, width).join("\n"))).toBe(shellArguments(command));
    }
  });

  it("keeps an option with its value, and fits", () => {
    const lines = foldShell(commands["curl"] ?? "", 76);
    expect(lines.filter((line) => columns(line) > 76 || line.endsWith("-H \\"))).toEqual([]);
    expect(lines.length).toBeGreaterThan(2);
  });

  it("leaves whole what it could not fold safely", () => {
    const heredoc = `show ${"word ".repeat(30)} <<EOF`;
    expect(foldShell(heredoc, 50)).toEqual([heredoc]);
  });
});
