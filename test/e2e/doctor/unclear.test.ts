import { describe, expect, it } from "vitest";
import { asSuperuser } from "../../support/as-superuser.ts";
import { exitCodeOf } from "../../../src/doctor/diagnose.ts";
import type { DatabaseAddress } from "../../../src/model/target.ts";
import { examineGiven, type Given, matrixText, problemsOf, targetOf, useWorld, world } from "./world.ts";

useWorld();

interface Unknown {
  readonly what: string;
  readonly given: () => Promise<Given>;
  readonly says: readonly string[];
}

/** Byte by byte the same, system columns included. */
async function copyOf({ database }: DatabaseAddress): Promise<DatabaseAddress> {
  const name = `${database}_copy`;
  await asSuperuser(world.server.database, `create database ${name} template ${database}`);
  return { ...world.server.database, database: name };
}

const cases: readonly Unknown[] = [
  {
    what: "a gateway of a copy, which shows the same rows",
    given: async () => {
      const database = await world.fresh();
      const copy = await copyOf(database);
      const gateway = await world.gateway({ database: { ...copy, ...world.server.authenticator } });
      return { target: targetOf(world, { gateway, over: { database } }) };
    },
    says: [
      "same database: could not verify that the gateway serves the database of the direct connection: none of its statements was seen here, although a row that it shows is here too",
    ],
  },
  {
    what: "a login that may not see what others do",
    given: async () => {
      await world.client.query(
        "create role auditor login bypassrls password 'auditor-password'; " +
          "grant pg_read_all_data, anon, authenticated, service_role to auditor; grant usage on schema auth to auditor",
      );
      const login = { user: "auditor", password: "auditor-password" };
      const gateway = await world.gateway();
      return { target: targetOf(world, { gateway, over: { database: { ...world.database, ...login } } }) };
    },
    says: [
      "same database: could not verify that the gateway serves the database of the direct connection: this login may not see its statements, although a row that it shows is here too",
    ],
  },
  {
    what: "personas of whom none may read anything",
    given: async () => ({
      target: targetOf(world, { gateway: await world.gateway() }),
      matrix: matrixText
        .replace(/ {2}ana:.*\n {2}service:.*\n/, "")
        .replace(/ {4}rows:.*\n/, "")
        .replace(/ {6}ana:.*\n {6}service:.*\n/, ""),
    }),
    says: [
      "rollback: no persona could read any relation, so doctor could not check whether the gateway honours Prefer: tx=rollback",
    ],
  },
  {
    what: "no key to sign with, and no matrix that says whether one is needed",
    given: async () => ({
      target: targetOf(world, { gateway: await world.gateway(), over: { signingKey: undefined } }),
      matrix: null,
    }),
    says: [
      "tokens: the target has no key to sign tokens with, so doctor could not check whether one is accepted",
      "rollback: no persona could read any relation, so doctor could not check whether the gateway honours Prefer: tx=rollback",
    ],
  },
  {
    what: "nothing in the schema to ask for",
    given: async () => {
      const database = await world.fresh("select 1");
      const gateway = await world.gateway({ database: { ...database, ...world.server.authenticator } });
      return { target: targetOf(world, { gateway, over: { database } }), matrix: null };
    },
    says: [
      "role switch: could not be checked: see tokens",
      "schema cache: the exposed schemas contain no relation that doctor could request",
      "same database: could not verify that the gateway serves the database of the direct connection: no request led to a statement, and no persona could read a row",
      "rollback: could not be checked: see role switch",
    ],
  },
];

describe("what could not be checked is reported as unknown, and is not ok", () => {
  it.each(cases)("$what", async ({ given, says }) => {
    const diagnoses = await examineGiven(await given());
    expect(problemsOf(diagnoses)).toEqual([]);
    expect(problemsOf(diagnoses, "unknown")).toEqual(says);
    expect(exitCodeOf(diagnoses)).toBe(2);
  });
});
