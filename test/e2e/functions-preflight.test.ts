import { afterAll, beforeAll, expect, test } from "vitest";
import { IssuesError, formatPosition } from "../../src/model/errors.ts";
import { type EmbeddedServer, startEmbedded } from "../../src/stage/postgres/server.ts";
import { prove } from "../support/prove.ts";

let server: EmbeddedServer;

beforeAll(async () => {
  server = await startEmbedded();
});

afterAll(async () => {
  await server?.stop();
});

const sql = `
  create table people (id int primary key, name text);
  create function find(id uuid) returns int language sql as 'select 1';
  create function find(name text) returns int language sql as 'select 1';
  create function profile(org int, viewer uuid, note text default null) returns setof people language sql as 'select * from people';
  create procedure sweep() language sql as 'select 1';
  create function number() returns int language sql as 'select 1';
  create function nothing() returns void language sql as 'select 1';
  create function pairs() returns table (a int, b int) language sql as 'select 1, 2';
  create aggregate total (int) (sfunc = int4pl, stype = int);`;

const matrix = `matrix: lies
personas:
  ana: { role: authenticated, claims: { sub: u1 } }
relations:
  people: { expect: { ana: deny } }
  number: {}
functions:
  profiel: {}
  people: {}
  find: {}
  find(int): { calls: { it: { id: 1 } } }
  profile:
    calls:
      a: { orgg: 1, viewer: u1 }
      b: { org: 1 }
    key: [idd]
    control: { from: peple }
  sweep: {}
  total: {}
  number: { expect: { ana: { rows: "true" } } }
  nothing: { expect: { ana: { deny: filter } } }
  pairs: { control: { from: people }, expect: { ana: { rows: "id = 1" } } }
`;

test("everything that the matrix says of functions and the database has not is told in one go, with its place", async () => {
  const told = await prove({ server, sql, matrix }).then(
    () => [],
    (error: unknown) => (error instanceof IssuesError ? error.issues : [String(error)]),
  );
  const lines = told.map((issue) =>
    typeof issue === "string" ? issue : `${formatPosition(issue.at)} ${issue.message}. ${issue.hint}`,
  );
  const database = /in the database (\S+?)\./.exec(lines[0] ?? "")?.[1] ?? "";
  expect(lines.map((line) => line.replace(database, "db")).toSorted()).toEqual(
    [
      "case.yaml:6:3 missing relation: public.number does not exist in the database db. it is a function: declare it under `functions:`",
      "case.yaml:8:3 missing function: public.profiel does not exist in the database db. did you mean public.profile?",
      "case.yaml:9:3 missing function: public.people does not exist in the database db. it is a relation: declare it under `relations:`",
      "case.yaml:10:3 2 functions are called public.find: which one is meant?. write find(uuid) or find(text)",
      "case.yaml:11:3 missing function: public.find(int) does not exist in the database db. there is public.find(id uuid), public.find(name text)",
      "case.yaml:12:3 missing column: public.profile has no column idd. did you mean id?",
      "case.yaml:14:10 missing argument: public.profile(org integer, viewer uuid, note text) has no argument orgg. did you mean org?",
      'case.yaml:14:10 the call a of public.profile(org integer, viewer uuid, note text): viewer is no uuid: invalid input syntax for type uuid: "u1" (22P02). write a value of that type',
      "case.yaml:14:10 the call a gives no org, which public.profile(org integer, viewer uuid, note text) requires. see the argument that it does not have",
      "case.yaml:15:10 the call b gives no viewer, which public.profile(org integer, viewer uuid, note text) requires. write `viewer: …`",
      "case.yaml:17:22 missing relation: public.peple does not exist in the database db. did you mean public.people?",
      "case.yaml:18:3 public.sweep is a procedure, which is not covered: PostgREST calls functions only, and CALL may commit. take it out of the matrix",
      "case.yaml:19:3 public.total is an aggregate, which is not covered: it cannot be called alone. take it out of the matrix",
      "case.yaml:20:28 nothing says where the privileged connection reads the rows that public.number may return. write `control: { from: <relation> }` beside `calls:`",
      "case.yaml:21:29 public.nothing() returns void, so it returns no rows that could be declared. declare `allow`, `deny` or calls",
      "case.yaml:22:54 public.pairs and public.people have no column in common by which rows could be compared. name another relation",
    ].toSorted(),
  );
});
