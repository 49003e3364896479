import { afterAll, afterEach, beforeAll, describe, expect, it } from "vitest";
import type { DatabaseAddress, Posture } from "../../../src/model/target.ts";
import { noPgbouncer, type PoolerOptions, startPgbouncer } from "../../support/pgbouncer.ts";
import { examineGiven, makeWorld, problemsOf, targetOf, type World } from "./world.ts";
import { asSuperuser } from "../../support/as-superuser.ts";

const reason = noPgbouncer();
// Said aloud: a test that did not run must not look like one that passed.
if (reason !== undefined) process.stderr.write(`\nNOT RUN: test/e2e/doctor/pooler: ${reason}\n`);

/** Its sessions hold by themselves what rowgate tells them at their start. */
const login = { user: "pooled", password: "pooled-password" };
const loginSql = `
  create role pooled login superuser password '${login.password}';
  alter role pooled set statement_timeout = 10000;
  alter role pooled set lock_timeout = 2000;
  alter role pooled set idle_in_transaction_session_timeout = 60000;
`;

interface Case {
  readonly what: string;
  readonly pooler: Omit<PoolerOptions, "server">;
  readonly as?: Pick<DatabaseAddress, "user" | "password">;
  readonly posture?: Posture;
  readonly says: readonly string[];
}

const transaction =
  "sessions: the connection goes through a pooler in transaction mode: sessions share server processes, so settings of one session can apply to another";
const limits =
  "sessions: the timeouts that rowgate sets at the start of a session are not in force: statement_timeout is 0 ms instead of 10000, lock_timeout is 0 ms instead of 2000, idle_in_transaction_session_timeout is 0 ms instead of 60000";

const cases: readonly Case[] = [
  {
    what: "as it is installed, it rejects startup options",
    pooler: { mode: "transaction", drops: false },
    says: [
      "login: a pooler rejected the startup options of the session (08P01): unsupported startup parameter: statement_timeout",
    ],
  },
  {
    what: "in transaction mode, dropping that",
    pooler: { mode: "transaction", drops: true },
    says: [transaction, limits],
  },
  {
    what: "in transaction mode, where the login's own settings are the same",
    pooler: { mode: "transaction", drops: true },
    as: login,
    says: [transaction],
  },
  { what: "in session mode, dropping that", pooler: { mode: "session", drops: true }, says: [limits] },
  {
    what: "in session mode, where the login's own settings are the same: all is well",
    pooler: { mode: "session", drops: true },
    as: login,
    says: [],
  },
  {
    what: "in statement mode",
    pooler: { mode: "statement", drops: true },
    as: login,
    says: [
      "sessions: the connection goes through a pooler in statement mode, which does not support transactions",
    ],
  },
  {
    what: "in production, where sessions are told to be read-only",
    pooler: { mode: "session", drops: true },
    posture: "production",
    says: [
      "sessions: the session is not read-only, although rowgate requested it (default_transaction_read_only)",
    ],
  },
];

describe.skipIf(reason !== undefined)("a PgBouncer in front of the server", () => {
  let world: World;
  beforeAll(async () => {
    world = await makeWorld();
    await asSuperuser(world.database, loginSql);
  });
  afterEach(async () => {
    await world.tidy();
  });
  afterAll(async () => {
    await world.stop();
  });

  it.each(cases)("$what", async ({ pooler, as, posture = "staging", says }) => {
    const server = { ...world.database, ...as };
    const { port } = world.use(await startPgbouncer({ ...pooler, server }), (one) => one.stop());
    const target = targetOf(world, { over: { posture, database: { ...server, port } } });
    const diagnoses = await examineGiven({ target, matrix: null });
    expect(problemsOf(diagnoses)).toEqual(says);
    const sessions = diagnoses.filter(({ check, status }) => check === "sessions" && status === "ok");
    // Nothing is said of a server itself that was not spoken to.
    expect(sessions.filter(({ sentence }) => !sentence.startsWith("through a pooler"))).toEqual([]);
    expect(sessions).toHaveLength(says.length === 0 ? 1 : 0);
  });
});
