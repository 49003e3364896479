import { mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import path from "node:path";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { rowgate } from "../../support/cli.ts";
import { fakeClock, noFaketime, spawnGatewayUnder } from "../../support/faketime.ts";
import { openProxy } from "../rest-proxy.ts";
import { examineGiven, problemsOf, secret, targetOf, useWorld, world } from "./world.ts";
import { gatewayConfig } from "../../support/gateway.ts";

// Real processes under clocks that are off: the gateway's, and doctor's own. The database's is the machine's.

const reason = noFaketime();
// Said aloud: a test that did not run must not look like one that passed.
if (reason !== undefined) process.stderr.write(`\nNOT RUN: test/e2e/doctor/clock: ${reason}\n`);

const hour = 3600;

describe.skipIf(reason !== undefined)("clocks that differ, reported in one sentence", () => {
  useWorld();
  let folder: string;
  beforeAll(() => {
    folder = mkdtempSync(path.join(tmpdir(), "rowgate-doctor-clock-"));
  });
  afterAll(() => {
    rmSync(folder, { recursive: true, force: true });
  });

  /** Whose clock is so many seconds ahead of everybody else's. */
  async function gatewayAhead(seconds: number): Promise<string> {
    const { server, database } = world;
    const config = gatewayConfig(server, database, { secret });
    const clock = fakeClock(path.join(folder, "gateway"), seconds);
    return world.use(await spawnGatewayUnder(clock, config), (one) => one.stop()).url;
  }

  it.each([
    ["ahead of", hour],
    ["behind", -hour],
  ])("the gateway's is %s this machine's", async (word, seconds) => {
    const url = await gatewayAhead(seconds);
    const diagnoses = await examineGiven({ target: targetOf(world, { url }) });
    expect(problemsOf(diagnoses)).toEqual([
      expect.stringMatching(
        new RegExp(
          `^clock: the gateway's clock is (?:359|360)\\d s ${word} this machine's; it tolerates 30 s$`,
        ),
      ),
    ]);
  });

  it("the gateway's is ahead by less than it tolerates: every check is ok", async () => {
    const url = await gatewayAhead(20);
    const diagnoses = await examineGiven({ target: targetOf(world, { url }) });
    expect(problemsOf(diagnoses)).toEqual([]);
    expect(diagnoses.find(({ check }) => check === "clock")?.status).toBe("ok");
  });

  it.each([
    ["expired", hour],
    ["not yet valid", -hour],
  ])("the gateway's, behind a front door with a date of its own: JWT %s", async (said, seconds) => {
    const proxy = world.use(await openProxy(await gatewayAhead(seconds)), (one) => one.stop());
    // Node puts its own in.
    proxy.misbehave(() => ({ strip: ["date"] }));
    const diagnoses = await examineGiven({ target: targetOf(world, { url: proxy.url }) });
    expect(problemsOf(diagnoses)).toEqual([
      `clock: the gateway rejects tokens because of their times (PGRST303): JWT ${said}`,
    ]);
  });

  it.each([
    ["ahead of", hour],
    ["behind", -hour],
  ])("this machine's is %s those of both others", async (word, seconds) => {
    const gateway = await world.gateway();
    const { user, password, host, port, database } = world.database;
    const cwd = mkdtempSync(path.join(folder, "project-"));
    writeFileSync(
      path.join(cwd, "rowgate.yaml"),
      `targets:
  staging:
    posture: staging
    database: { url: '\${DB_URL}', sslmode: disable }
    rest: { url: '${gateway.url}' }
    jwt: { secret: '\${JWT_SECRET}' }
`,
    );
    const result = await rowgate(["doctor", "staging", "--json"], {
      cwd,
      env: {
        ...fakeClock(path.join(folder, "here"), seconds).env,
        DB_URL: `postgresql://${user}:${password}@${host}:${port}/${database}`,
        JWT_SECRET: secret,
      },
    });
    expect(result.code, result.err).toBe(1);
    const { checks } = JSON.parse(result.out) as { readonly checks: Parameters<typeof problemsOf>[0] };
    expect(problemsOf(checks)).toEqual([
      expect.stringMatching(
        new RegExp(
          `^clock: this machine's clock is (?:359|360)\\d s ${word} those of the gateway and the database$`,
        ),
      ),
    ]);
  });
});
