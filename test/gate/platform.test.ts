import { afterAll, beforeAll, expect, test } from "vitest";
import type { GateRecord } from "../../src/model/gate.ts";
import { makeProject, removeProject } from "../cli/system.ts";
import { rowgate } from "../support/cli.ts";
import { guiltyLines, shown } from "./project.ts";

const ana = "10000000-0000-4000-8000-000000000001";
const files = `insert into storage.buckets (id, name) values ('files', 'files'), ('plans', 'plans');
create policy "own files" on storage.objects for select to authenticated
  using (bucket_id = 'files' and (storage.foldername(name))[1] = auth.uid()::text);
insert into storage.objects (bucket_id, name, owner) values
  ('files', '${ana}/a.png', '${ana}'), ('files', 'another/b.png', null), ('plans', 'c.png', null);
create table public.notes (id int primary key);
alter table public.notes enable row level security;
create extension pg_cron;
select cron.schedule('tidy', '0 3 * * *', 'analyze public.notes');
select cron.schedule('old', '0 3 * * *', 'select 1');
`;
const matrix = `matrix: files
policies: ../policies/notes
personas:
  anon: { role: anon }
  ana: { role: authenticated, claims: { sub: ${ana} } }
exposes: [public]
relations:
  notes: { expect: { '*': deny } }
`;
const migrations = {
  "same.sql": `drop policy "own files" on storage.objects;
create policy "files in one's folder" on storage.objects for select to authenticated
  using (bucket_id = 'files' and (storage.foldername(name))[1] = auth.uid()::text);
insert into storage.buckets (id, name) values ('more', 'more');
`,
  "jobs.sql": `select cron.schedule('tidy', '0 4 * * *', 'analyze  public.notes');
select cron.schedule('empty', '0 3 * * *', $$
  delete from public.notes
$$);
select cron.unschedule('old');
`,
  "open.sql": `comment on table public.notes is 'x';
create policy "all files" on storage.objects for select to authenticated using (bucket_id = 'files');
create policy "any upload" on storage.objects for insert to anon with check (bucket_id = 'plans');
update storage.buckets set public = true where id = 'plans';
comment on table public.notes is 'y';
`,
};

let project: string;
beforeAll(async () => {
  project = await makeProject({
    "policies/notes/010_notes.sql": files,
    "matrices/notes.yaml": matrix,
    ...migrations,
  });
});
afterAll(() => removeProject(project));

async function gated(file: string): Promise<{ readonly code: number | null; readonly record: GateRecord }> {
  const args = ["gate", file, "--baseline", "supabase", "--json", "--no-require-complete"];
  const { code, out, err } = await rowgate(args, { cwd: project });
  expect(err).toBe("");
  return { code, record: JSON.parse(out) as GateRecord };
}

test("policies of storage.objects that let more in are found, and a bucket that becomes public", async () => {
  const { code, record } = await gated("open.sql");
  expect(code).toBe(1);
  expect(shown(record)).toEqual(
    expect.arrayContaining([
      "▲ ana select storage.objects, 1→2, line 2, not declared",
      expect.stringMatching(/^▲ anon insert storage\.objects, .*, line 3, not declared$/),
    ]),
  );
  expect(record.powers.map(({ power }) => power)).toEqual([
    "anyone may read the files of bucket plans: it is public",
  ]);
  expect(guiltyLines(record)).toEqual([2, 3, 4]);
});

test("a policy of storage.objects by another name, and a bucket more, open nothing", async () => {
  const { code, record } = await gated("same.sql");
  expect([code, shown(record), record.powers, record.sideWrites]).toEqual([0, [], [], []]);
});

test("a job that is scheduled is code to read; the same one at another time, and one less, is not", async () => {
  const { code, record } = await gated("jobs.sql");
  expect(record.powers.map(({ power }) => power)).toEqual([
    expect.stringMatching(
      /^the job empty runs as \w+: delete from public\.notes: what it does was not compared$/,
    ),
  ]);
  expect([code, guiltyLines(record)]).toEqual([1, [2]]);
});
