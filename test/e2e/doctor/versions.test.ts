import { describe, expect, it } from "vitest";
import { exitCodeOf } from "../../../src/doctor/diagnose.ts";
import { defaultLimits } from "../../../src/model/target.ts";
import { readSql } from "../../../src/lib/sql-file.ts";
import { startGateway } from "../../../src/stage/gateway/server.ts";
import { startSystemPostgres, systemPostgres } from "../../support/system-postgres.ts";
import { examineGiven, notesSql, problemsOf, secret } from "./world.ts";
import { asSuperuser } from "../../support/as-superuser.ts";

const installed = systemPostgres();
const reason = "no Postgres is installed below /usr/lib/postgresql (apt-get install postgresql)";
// Said aloud: a test that did not run must not look like one that passed.
if (installed.length === 0) process.stderr.write(`\nNOT RUN: test/e2e/doctor/versions: ${reason}\n`);

/** `with inherit …` is a word of 16 and later. */
const rolesSql = readSql("supabase_roles.sql").replaceAll(" with inherit false, set true", "");

describe.skipIf(installed.length === 0)("a server of the system's own version", () => {
  it.each(installed)("%s: every check is ok", async (bin) => {
    const { database, stop } = await startSystemPostgres(bin);
    try {
      await asSuperuser(database, `${rolesSql}; ${readSql("supabase_auth.sql")}; ${notesSql}`);
      await asSuperuser(database, "alter role authenticator password 'authenticator-password'");
      const gateway = await startGateway({
        database: { ...database, user: "authenticator", password: "authenticator-password" },
        schemas: ["public"],
        anonRole: "anon",
        jwt: { secret },
        txEnd: "rollback-allow-override",
      });
      try {
        const diagnoses = await examineGiven({
          target: {
            name: "staging",
            posture: "staging",
            database,
            rest: {
              url: gateway.url,
              apiKey: undefined,
              gateway: gateway.info,
              anonRole: "anon",
              login: "authenticator",
            },
            signingKey: { algorithm: "HS256", secret },
            schemas: ["public"],
            preRequest: undefined,
            limits: defaultLimits,
          },
        });
        expect(problemsOf(diagnoses)).toEqual([]);
        expect(problemsOf(diagnoses, "unknown")).toEqual([]);
        expect(exitCodeOf(diagnoses)).toBe(0);
        const [, version = ""] = /postgresql\/(\d+)\//.exec(bin) ?? [];
        expect(diagnoses.find(({ check }) => check === "server")?.sentence).toContain(`Postgres ${version}.`);
      } finally {
        await gateway.stop();
      }
    } finally {
      await stop();
    }
  });
});
