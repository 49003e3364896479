import { readdirSync, statSync } from "node:fs";
import path from "node:path";
import { afterAll, beforeAll, expect, test } from "vitest";
import { readCells } from "../../../src/archive/read.ts";
import type { CellRecord } from "../../../src/model/run.ts";
import { makeProject, removeProject } from "../../cli/system.ts";
import { rowgate } from "../../support/cli.ts";

// A database whose values and messages are as long as it likes, within little memory: the whole program.

const sql = `
create table scans (id int primary key, owner uuid not null, body text);
insert into scans select n, ('10000000-0000-4000-8000-00000000000' || n)::uuid, repeat('0123456789', 100000) from generate_series(1, 3) n;
create table pages (owner uuid not null, body text);
insert into pages select ('10000000-0000-4000-8000-00000000000' || 1 + n % 3)::uuid, repeat('0123456789', 18000) || n from generate_series(1, 100) n;
create table loud (id int primary key);
insert into loud values (1);
create function shout() returns boolean language plpgsql as $$
  begin raise insufficient_privilege using message = repeat('no! ', 250000); end $$;
alter table scans enable row level security;
alter table pages enable row level security;
alter table loud enable row level security;
grant select, insert, update, delete on scans to authenticated;
grant select on pages, loud to authenticated;
create policy own on scans to authenticated using (owner = auth.uid()) with check (owner = auth.uid());
create policy own on pages to authenticated using (owner = auth.uid());
create policy shout on loud to authenticated using (shout());`;
const matrix = `matrix: large
personas:
  ana: { role: authenticated, claims: { sub: 10000000-0000-4000-8000-000000000001 } }
relations:
  scans:
    rows: { mine: owner = :sub }
    insert: { own: { id: '9', owner: ':sub' }, other: { id: '9', owner: 20000000-0000-4000-8000-000000000000 } }
    expect: { '*': { select: mine, update: mine, delete: mine, insert: { accept: [own], reject: [other] } } }
  pages:
    rows: { mine: owner = :sub }
    expect: { '*': { select: mine } }
  loud: { expect: { '*': deny } }
`;

let project: string;
beforeAll(async () => {
  project = await makeProject({ "matrices/large.yaml": matrix, "policies/large/010_large.sql": sql });
});
afterAll(async () => {
  await removeProject(project);
});

test("what can be told of it is told; of the rest, that it could not be", async () => {
  const logs = path.join(project, "logs");
  const env = { NODE_OPTIONS: "--max-old-space-size=160" };
  const args = ["run", "matrices/large.yaml", "--only", "*/*/{select,update,insert}", "--logs", logs];
  const { code, err, out } = await rowgate(args, { cwd: project, env });
  expect(code, `${err.slice(0, 2_000)}\n${out.slice(-2_000)}`).toBe(1);
  expect(out).not.toMatch(/\bPASS\b/);
  const [day = ""] = readdirSync(logs).filter((one) => /^\d{8}$/.test(one));
  const [id = ""] = readdirSync(path.join(logs, day));
  const archive = path.join(logs, day, id);
  const cells = new Map<string, CellRecord>();
  for await (const cell of readCells(archive)) cells.set(cell.id, cell);
  for (const operation of ["select", "update", "insert"])
    expect(cells.get(`ana/public.scans/${operation}`)?.verdict, operation).toBe("pass");
  // No key tells these rows apart: direct compares them by their hashes, over HTTP they would have to be held.
  const pages = cells.get("ana/public.pages/select")?.channels;
  expect(pages?.direct?.verdict).toBe("pass");
  expect(pages?.rest).toMatchObject({
    verdict: "inconclusive",
    because: expect.stringContaining("too large"),
  });
  expect(cells.get("ana/public.loud/select")?.verdict).toBe("inconclusive");
  // What was raised is in the archive as far as anybody reads it.
  expect(statSync(path.join(archive, "cells.ndjson")).size).toBeLessThan(1_000_000);
});
