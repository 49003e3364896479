import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { startEmbedded } from "../../../src/stage/postgres/server.ts";
import type { EmbeddedServer } from "../../../src/stage/postgres/server.ts";
import type { DatabaseAddress } from "../../../src/model/target.ts";
import { type Attempt, asOwner, attempt, crowd, openFirst, sentence, verdictsOf, wireTo } from "./support.ts";

// What happens to the database while a run is on. Whatever it is: no PASS about what was not seen, nothing that was seen is
// lost, no wait without an end, and a sentence that says what happened.

let server: EmbeddedServer;
beforeAll(async () => {
  server = await startEmbedded();
});
afterAll(async () => {
  await server?.stop();
});

const { sql, matrix } = crowd();
const hasty = { statementTimeoutMs: 1_000, lockTimeoutMs: 200, requestTimeoutMs: 1_500 };

/** The run ended by itself: its archive is whole, and says that it could not do its job. */
function expectEvidence(attempted: Attempt, exitCode: 1 | 2): void {
  if (attempted.error !== undefined) throw attempted.error;
  expect(attempted.archives).toHaveLength(1);
  expect(attempted.deviations).toEqual([]);
  expect(attempted.run?.exitCode).toBe(exitCode);
  expect(attempted.run?.counts.cells).toBe(attempted.cells.size);
}

describe("a connection that is reset", () => {
  test("once, in the middle: what was cut is an error, the rest is probed, the rows are read again", async () => {
    let wire: Awaited<ReturnType<typeof wireTo>> | undefined;
    let seen = 0;
    const attempted = await attempt({
      server,
      sql,
      matrix,
      channels: ["direct"],
      retarget: async (target) => {
        wire = await wireTo(target.database);
        return { ...target, database: wire.address };
      },
      events: { cell: () => void (++seen === 20 && wire?.cut()) },
    });
    await wire?.stop();
    expectEvidence(attempted, 2);
    // Inconclusive: what raised a refusal could not be asked any more.
    const { pass = 0, error = 0, inconclusive = 0, ...others } = verdictsOf(attempted);
    expect(others).toEqual({});
    expect(inconclusive).toBeLessThan(pass);
    expect(pass).toBeGreaterThan(20);
    expect(error).toBeGreaterThan(0);
    expect(attempted.run?.findings.map(({ kind }) => kind)).not.toContain("rows-unreadable");
    expect(attempted.run?.fingerprints.every(({ after }) => after !== undefined)).toBe(true);
  });

  // Each of the few connections may wait for its limits a few times; not every cell: this test's limit is below that.
  test.each(["cut", "silence"] as const)(
    "%s, and nobody is let in again: a leak that was seen before stays the first thing said",
    { timeout: 40_000 },
    async (how) => {
      let wire: Awaited<ReturnType<typeof wireTo>> | undefined;
      let leaks = 0;
      const attempted = await attempt({
        server,
        sql: `${sql}\n${openFirst}`,
        matrix,
        limits: hasty,
        retarget: async (target) => {
          wire = await wireTo(target.database);
          return { ...target, database: wire.address };
        },
        events: {
          cell: ({ verdict }) => {
            if (verdict !== "leak" || ++leaks !== 3) return;
            wire?.refuse();
            wire?.[how]();
          },
        },
      });
      await wire?.stop();
      expectEvidence(attempted, 1);
      const { leak = 0, error = 0 } = verdictsOf(attempted);
      expect(leak).toBeGreaterThanOrEqual(3);
      expect(error).toBeGreaterThan(0);
      expect(attempted.run?.findings.map(({ kind }) => kind)).toContain("rows-unreadable");
    },
  );

  test("before the first probe: a sentence, and no archive", async () => {
    const attempted = await attempt({
      server,
      sql,
      matrix,
      limits: hasty,
      retarget: async (target) => {
        const wire = await wireTo(target.database);
        await wire.stop();
        return { ...target, database: wire.address };
      },
    });
    expect(sentence(attempted)).toMatch(/^direct\/connect: Cannot log in to 127\.0\.0\.1:\d+.*ECONNREFUSED/);
    expect(attempted.archives).toEqual([]);
  });

  test("while the matrix is compared with the database: the database's fault, not the matrix's", async () => {
    let wire: Awaited<ReturnType<typeof wireTo>> | undefined;
    const attempted = await attempt({
      server,
      // A view that waits: the run is caught in its preflight, which reads a sample of each relation.
      sql: `${sql}\ncreate view slow with (security_invoker = true) as select n.*, pg_sleep(5)::text as waited from notes_1 n;
        grant select on slow to authenticated, service_role;`,
      matrix: `${matrix}  slow:\n    key: [id]\n    expect: { '*': { select: { rows: owner = :sub } }, service: { select: allow } }\n`,
      limits: { ...hasty, statementTimeoutMs: 20_000 },
      retarget: async (target) => {
        wire = await wireTo(target.database);
        setTimeout(() => {
          wire?.refuse();
          wire?.cut();
        }, 1_000);
        return { ...target, database: wire.address };
      },
    });
    await wire?.stop();
    expect(sentence(attempted)).toMatch(
      /^run\/database: The database failed while the matrix was compared with it: /,
    );
    expect(attempted.archives).toEqual([]);
  });
});

describe("somebody else's lock", () => {
  test("on a whole table, before the run: a sentence that says what to do", async () => {
    let holder: Awaited<ReturnType<typeof asOwner>> | undefined;
    const attempted = await attempt({
      server,
      sql,
      matrix,
      limits: hasty,
      retarget: async (target) => {
        holder = await asOwner(target.database, "begin; lock table notes_2 in access exclusive mode");
        return target;
      },
    });
    await holder?.end();
    expect(sentence(attempted)).toMatch(/^run\/database: The database failed .*lock timeout \(55P03\)/);
    expect(attempted.error).toMatchObject({ hint: expect.stringContaining("pg_locks") as string });
    expect(attempted.archives).toEqual([]);
  });

  test("on a whole table, from the middle on: its cells are inconclusive, the others pass", async () => {
    let holder: ReturnType<typeof asOwner> | undefined;
    let address: DatabaseAddress | undefined;
    const attempted = await attempt({
      server,
      sql,
      matrix,
      limits: hasty,
      retarget: (target) => {
        ({ database: address } = target);
        return target;
      },
      events: {
        cell: ({ id }) => {
          if (address === undefined || !id.includes("notes_1")) return;
          holder ??= asOwner(address, "begin; lock table notes_6 in access exclusive mode");
        },
      },
    });
    await (await holder)?.end();
    expectEvidence(attempted, 2);
    const all = [...attempted.cells.values()];
    const passing = all.filter(({ verdict }) => verdict === "pass").map(({ id }) => id);
    expect(passing).toEqual(all.map(({ id }) => id).filter((id) => !id.includes("notes_6")));
    expect(attempted.run?.findings.map(({ kind }) => kind)).toContain("rows-unreadable");
  });

  test("on one row: who may not write it still passes, who may is told that it could not be shown", async () => {
    let holder: Awaited<ReturnType<typeof asOwner>> | undefined;
    const attempted = await attempt({
      server,
      sql,
      matrix,
      limits: { ...hasty, lockTimeoutMs: 30 },
      retarget: async (target) => {
        holder = await asOwner(target.database, "begin; select from notes_3 where id = 1 for update");
        return target;
      },
    });
    await holder?.end();
    expectEvidence(attempted, 1);
    const failing = [...attempted.cells.values()].filter(({ verdict }) => verdict !== "pass");
    expect(new Set(failing.map(({ verdict }) => verdict))).toEqual(new Set(["inconclusive"]));
    // p1 owns the row; service writes every row.
    expect(new Set(failing.map(({ id }) => id.replace(/\/[^/]*$/, "")))).toEqual(
      new Set(["p1/public.notes_3", "service/public.notes_3"]),
    );
  });
});
