import { beforeAll, expect, test } from "vitest";
import { bodyOf } from "../../../src/prove/analyse/bodies.ts";
import type { ProofFunction } from "../../../src/prove/analyse/schema.ts";
import { loadParser } from "../../../src/lib/sql-tree.ts";
import { part, printSelect } from "../../../src/prove/analyse/tree.ts";

beforeAll(loadParser);

const plain: ProofFunction = {
  schema: "public",
  name: "f",
  language: "plpgsql",
  source: "",
  sqlBody: null,
  definer: false,
  owner: "postgres",
  settings: [],
  volatility: "stable",
  strict: false,
  returnsSet: false,
  returns: "boolean",
  argumentNames: ["x"],
  argumentTypes: ["integer"],
  choosesNames: false,
  unnamed: false,
  defaults: null,
};

function expressionOf(fn: Partial<ProofFunction>): string {
  const select = part(bodyOf({ ...plain, ...fn }), "SelectStmt");
  return select === undefined ? "opaque" : printSelect(select);
}

const sql = (source: string): Partial<ProofFunction> => ({ language: "sql", source });
const pl = (source: string): Partial<ProofFunction> => ({ source });

test.each([
  [sql("select x > 1"), "SELECT x > 1"],
  [sql("select 1; select x > 1"), "opaque"],
  [sql("delete from t"), "opaque"],
  [{ language: "sql", sqlBody: "RETURN (x > 1)" }, "SELECT x > 1"],
  [{ language: "sql", sqlBody: "BEGIN ATOMIC\n SELECT (x > 1);\nEND" }, "SELECT x > 1"],
  [{ language: "c", source: "f" }, "opaque"],
  [pl("begin return x > 1; end"), "SELECT f.x > 1"],
  [
    pl("begin if x = 1 then return true; elsif x = 2 then return null; end if; return false; end"),
    "SELECT CASE WHEN f.x = 1 THEN true WHEN f.x = 2 THEN NULL ELSE false END",
  ],
  [pl("declare n numeric(5,2) := 2; begin return n > x; end"), "SELECT CAST(2 AS numeric(5, 2)) > f.x"],
  [
    pl("declare n int; begin select a into n from t where b = x; return n > 1; end"),
    "SELECT CAST((SELECT a FROM t WHERE b = f.x) AS int) > 1",
  ],
  [
    pl("declare n int; begin n := x + 1; n := n * 2; return n > 1; end"),
    "SELECT CAST(CAST(f.x + 1 AS int) * 2 AS int) > 1",
  ],
  [pl("declare n int; begin perform 1; return found; end"), "SELECT EXISTS (SELECT 1)"],
  [pl("declare n int; begin select a into n from t; return found; end"), "SELECT EXISTS (SELECT a FROM t)"],
  [
    pl("declare r record; begin select * into r from t; return r.a > 1; end"),
    "SELECT ((SELECT a FROM t)) > 1",
  ],
  [
    pl("begin if x = 1 then raise exception 'no'; end if; return true; end"),
    "SELECT CASE WHEN f.x = 1 THEN NULL ELSE true END",
  ],
  // One expression has no word for these.
  [pl("declare n int; begin select a into strict n from t; return n > 1; end"), "opaque"],
  [pl("declare x int := 5; begin return x > 1; end"), "opaque"],
  [pl("begin begin return true; end; return false; end"), "opaque"],
  [pl("begin return true; exception when others then return false; end"), "opaque"],
  [pl("begin if x = 1 then raise notice 'no'; end if; return true; end"), "opaque"],
  [pl("begin loop return true; end loop; end"), "opaque"],
  [pl("declare b boolean; begin execute 'select true' into b; return b; end"), "opaque"],
  [pl("begin if x = 1 then return true; end if; end"), "opaque"],
])("%o", (fn, expected) => {
  expect(expressionOf(fn)).toBe(expected);
});
