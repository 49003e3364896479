import { describe, expect, it } from "vitest";
import { exitCodeOf } from "../../../src/doctor/diagnose.ts";
import { checkNames } from "../../../src/model/diagnosis.ts";
import { renderDoctor } from "../../../src/report/doctor.ts";
import { openProxy } from "../rest-proxy.ts";
import {
  ecKey,
  examineGiven,
  type Given,
  jwksOf,
  problemsOf,
  otherJwk,
  rsaKey,
  secret,
  targetOf,
  useWorld,
  world,
} from "./world.ts";

useWorld();

/** Postgres gives a transaction a number as soon as it writes, whether that is undone or not. */
async function nextTransaction(): Promise<unknown> {
  const { rows } = await world.client.query("select pg_snapshot_xmax(pg_current_snapshot())::text as next");
  return rows[0]?.next;
}

interface Sound {
  readonly what: string;
  readonly given: () => Promise<Given>;
  /** Checks without anything to check. */
  readonly skipped?: readonly string[];
}

const sound: readonly Sound[] = [
  {
    what: "a secret on both sides",
    given: async () => ({ target: targetOf(world, { gateway: await world.gateway() }) }),
    skipped: ["api key"],
  },
  {
    what: "an ES256 key with a kid, among the keys of a JWKS",
    given: async () => ({
      target: targetOf(world, {
        gateway: await world.gateway({ jwt: { jwks: [otherJwk, ...jwksOf(ecKey)] } }),
        over: { signingKey: ecKey },
      }),
    }),
    skipped: ["api key"],
  },
  {
    what: "an RS256 key with a kid, beside a secret that others sign with",
    given: async () => ({
      target: targetOf(world, {
        gateway: await world.gateway({ jwt: { secret, jwks: jwksOf(rsaKey) } }),
        over: { signingKey: rsaKey },
      }),
    }),
    skipped: ["api key"],
  },
  {
    what: "TLS, the certificate checked",
    given: async () => ({
      target: targetOf(world, {
        gateway: await world.gateway(),
        over: {
          database: {
            ...world.database,
            host: "localhost",
            tls: { verify: "chain and host", ca: world.authority.cert },
          },
        },
      }),
    }),
    skipped: ["api key"],
  },
  {
    what: "production, where no write and so no way to undo one is asked about",
    given: async () => ({
      target: targetOf(world, {
        gateway: await world.gateway({ txEnd: "commit" }),
        over: { posture: "production" },
      }),
    }),
    skipped: ["api key", "rollback"],
  },
  {
    what: "no matrix: the roles that the gateway may become are the personas",
    given: async () => ({ target: targetOf(world, { gateway: await world.gateway() }), matrix: null }),
    skipped: ["api key", "users", "matrix"],
  },
  {
    what: "a Postgres without PostgREST",
    given: () => Promise.resolve({ target: targetOf(world, {}) }),
    skipped: ["gateway"],
  },
];

describe("for a sound target every check is ok", () => {
  it.each(sound)("$what", async ({ given, skipped = [] }) => {
    const diagnoses = await examineGiven(await given());
    expect(problemsOf(diagnoses)).toEqual([]);
    expect(problemsOf(diagnoses, "unknown")).toEqual([]);
    expect(diagnoses.filter(({ status }) => status === "skipped").map(({ check }) => check)).toEqual(skipped);
    expect(exitCodeOf(diagnoses)).toBe(0);
  });

  it("nothing is written, in staging neither: no transaction gets a number, and nothing but GET is sent", async () => {
    const proxy = world.use(await openProxy((await world.gateway()).url), (one) => one.stop());
    const before = await nextTransaction();
    const diagnoses = await examineGiven({ target: targetOf(world, { url: proxy.url }) });
    expect(await nextTransaction()).toBe(before);
    expect(diagnoses.find(({ check }) => check === "rollback")?.status).toBe("ok");
    expect(proxy.arrived.length).toBeGreaterThan(10);
    expect(proxy.arrived.filter((one) => !one.startsWith("GET "))).toEqual([]);
  });

  it("every check is there once, and the text is readable in 80 columns", async () => {
    const diagnoses = await examineGiven({ target: targetOf(world, { gateway: await world.gateway() }) });
    expect(diagnoses.map(({ check }) => check)).toEqual(checkNames);
    const text = renderDoctor(["staging"], diagnoses, { width: 80, colour: false });
    for (const line of text.split("\n")) expect(line.length).toBeLessThanOrEqual(80);
  });
});
