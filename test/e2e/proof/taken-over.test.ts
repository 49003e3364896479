import { expect, test } from "vitest";
import { prove } from "../../support/prove.ts";
import { oneServer } from "./proof.ts";

const server = oneServer();
const [ana, luis] = ["11111111-1111-4111-8111-111111111111", "22222222-2222-4222-8222-222222222222"];
const tables = ["plain", "by_header", "by_method", "by_claim", "by_time"];

test("rest takes over what direct proved only where its requests are the same in all that policies read", async () => {
  const { run, cells } = await prove({
    server: server(),
    proof: "all-rows",
    sql: `
      create table orgs (id int primary key, owner uuid);
      insert into orgs values (1, '${ana}'), (2, '${luis}');
      alter table orgs enable row level security;
      grant select on orgs to authenticated;
      create policy own on orgs for select to authenticated using (owner = auth.uid());
      ${tables
        .map(
          (name) => `
      create table ${name} (id int primary key, org int);
      insert into ${name} values (1, 1), (2, 2);
      alter table ${name} enable row level security;
      grant select on ${name} to authenticated;
      create policy own on ${name} for select to authenticated using (org in (select id from orgs));`,
        )
        .join("")}
      create policy web on by_header for select to authenticated
        using (current_setting('request.headers', true)::json ->> 'x-none' = 'yes');
      create policy web on by_method for select to authenticated using (current_setting('request.method', true) = 'HEAD');
      create policy paid on by_claim for select to authenticated using (auth.jwt() ->> 'plan' = 'paid');
      create policy later on by_time for select to authenticated using (now() > timestamptz '2099-01-01');`,
    matrix: `matrix: case
personas: { ana: { role: authenticated, claims: { sub: ${ana} } } }
relations:
  orgs: { rows: { own: "owner = :sub" }, expect: { ana: { select: own } } }
${tables.map((name) => `  ${name}: { rows: { own: "org in (select id from orgs where owner = :sub)" }, expect: { ana: { select: own } } }`).join("\n")}
`,
  });
  const of = (name: string): unknown => {
    const { direct, rest } = cells.get(`ana/public.${name}/select`)?.channels ?? {};
    return [direct?.verdict, direct?.evidence, rest?.verdict, rest?.evidence];
  };
  expect(of("plain")).toEqual(["pass", "all-rows", "pass", "all-rows"]);
  // Headers and methods are the client's to choose: no pass on either channel, and so no evidence.
  expect(of("by_header")).toEqual(["inconclusive", undefined, "inconclusive", undefined]);
  expect(of("by_method")).toEqual(["inconclusive", undefined, "inconclusive", undefined]);
  // Nor is a claim that no persona holds, or the time, believed on either.
  expect(of("by_claim")).toEqual(["inconclusive", undefined, "inconclusive", undefined]);
  expect(of("by_time")).toEqual(["inconclusive", undefined, "inconclusive", undefined]);
  // What the proof rests on from outside is in the record, by relation.
  const restsOn = (name: string): unknown =>
    run.proofs?.restsOn.find(({ relation }) => relation === `public.${name}`);
  const nothing = { relations: ["public.orgs"], claims: [], time: [] };
  expect(restsOn("plain")).toMatchObject(nothing);
  expect(restsOn("by_claim")).toMatchObject({ ...nothing, claims: ["plan"] });
  expect(restsOn("by_time")).toMatchObject({ ...nothing, time: [expect.stringContaining("2099")] });
});
