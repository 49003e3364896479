import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { startEmbedded } from "../../../src/stage/postgres/server.ts";
import type { EmbeddedServer } from "../../../src/stage/postgres/server.ts";
import { attempt, crowd, openFirst, verdictsOf, wireTo } from "./support.ts";

// A persona without identity is asked in sessions of other states too. One that comes to no answer shows nothing, and what the
// persona's own session shows is not enough then.

let server: EmbeddedServer;
beforeAll(async () => {
  server = await startEmbedded();
});
afterAll(async () => {
  await server?.stop();
});

/** Shut for a session in which the setting is empty; where it was never set, `first` comes, and then all is open. */
function sqlWith(first: string): string {
  return `create table docs (id int primary key, body text);
    insert into docs values (1, 'a'), (2, 'b');
    create function opens() returns boolean language plpgsql stable as $$
      begin
        if current_setting('app.user', true) is null then ${first}; return true; end if;
        return false;
      end $$;
    create function call_it() returns int language plpgsql stable security definer as $$
      begin
        if not opens() then raise insufficient_privilege; end if;
        return 1;
      end $$;
    alter table docs enable row level security;
    grant select, insert, update, delete on docs to authenticated;
    create policy opens on docs to authenticated using (opens()) with check (opens());`;
}

const matrix = `matrix: sessions
channels: [direct]
personas:
  nobody: { role: authenticated }
  known: { role: authenticated, settings: { app.user: ana } }
relations:
  docs:
    insert: { one: { id: '9', body: probe } }
    expect: { '*': deny }
functions:
  call_it:
    calls: { now: {} }
    expect: { '*': { deny: check } }
`;

const hasty = { statementTimeoutMs: 500, lockTimeoutMs: 100 };

describe("a session whose settings were never set", () => {
  test.each([
    { name: "takes too long", first: "perform pg_sleep(10)", says: /never set: the probe ran longer/ },
    {
      name: "waits for a lock",
      first: "raise lock_not_available",
      says: /never set: lock_not_available \(55P03\)/,
    },
    { name: "finds the disk full", first: "raise disk_full", says: /never set: 53100 disk_full/ },
    {
      name: "loses its connection",
      first: "perform pg_terminate_backend(pg_backend_pid())",
      says: /never set: terminating connection/,
    },
  ])("$name: no cell of who has none of them passes", async ({ first, says }) => {
    const security = "security definer";
    const sql = sqlWith(first).replace(
      "function opens() returns boolean language plpgsql stable",
      `$& ${security}`,
    );
    const attempted = await attempt({ server, sql, matrix, limits: hasty, withoutRest: true });
    if (attempted.error !== undefined) throw attempted.error;
    const cells = [...attempted.cells.values()].filter(
      ({ persona, operation }) => persona === "nobody" && operation !== "truncate",
    );
    expect(cells.length).toBeGreaterThan(5);
    const passing = cells.filter(({ verdict }) => verdict === "pass" || verdict === "leak");
    expect(passing.map(({ id }) => id)).toEqual([]);
    const select = attempted.cells.get("nobody/public.docs/select");
    expect(select?.channels.direct?.because).toMatch(says);
    expect(attempted.run?.exitCode).not.toBe(0);
  });

  test("answers: what it opens is a leak", async () => {
    const attempted = await attempt({ server, sql: sqlWith("null"), matrix, withoutRest: true });
    const verdicts = ["select", "update", "delete", "insert"].map(
      (operation) => attempted.cells.get(`nobody/public.docs/${operation}`)?.verdict,
    );
    expect(new Set(verdicts)).toEqual(new Set(["leak"]));
  });
});

test("nobody lets such a session in: the others' answers stay, and its own cells are errors", async () => {
  let wire: Awaited<ReturnType<typeof wireTo>> | undefined;
  const { sql, matrix: people } = crowd();
  const attempted = await attempt({
    server,
    sql: `${sql}\n${openFirst}\ngrant select on notes_1, notes_2 to anon;`,
    matrix: people
      .replace("personas:\n", "personas:\n  anon: { role: anon }\n")
      .replaceAll("      service: allow", "      service: allow\n      anon: deny"),
    channels: ["direct"],
    retarget: async (target) => {
      wire = await wireTo(target.database);
      // Preflight, the columns that users may assign, the login that sees all rows, and two that probe; then none.
      wire.refuse(5);
      return { ...target, database: wire.address };
    },
  });
  await wire?.stop();
  if (attempted.error !== undefined) throw attempted.error;
  expect(attempted.archives).toHaveLength(1);
  expect(attempted.deviations).toEqual([]);
  // The leak that was seen stays, and comes first.
  expect(attempted.run?.exitCode).toBe(1);
  expect(verdictsOf(attempted)).toMatchObject({ leak: 3 });
  for (const { id, verdict, channels } of attempted.cells.values()) {
    const { deniedBy } = channels.direct ?? {};
    if (!id.startsWith("anon/") || deniedBy === "grant") continue;
    expect([id, verdict]).toEqual([id, "error"]);
  }
  expect(attempted.cells.get("anon/public.notes_2/select")?.channels.direct?.because).toContain("never set");
});
