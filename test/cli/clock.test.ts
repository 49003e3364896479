import { mkdirSync, mkdtempSync, readdirSync, rmSync, writeFileSync } from "node:fs";
import type { IncomingMessage } from "node:http";
import { tmpdir } from "node:os";
import path from "node:path";
import { setTimeout as wait } from "node:timers/promises";
import { afterAll, beforeAll, beforeEach, describe, expect, test } from "vitest";
import { dayPattern } from "../../src/archive/id.ts";
import { readCells, readRun } from "../../src/archive/read.ts";
import { verifyArchive } from "../../src/archive/verify.ts";
import type { Finding } from "../../src/model/finding.ts";
import type { CellRecord, RunRecord } from "../../src/model/run.ts";
import { crowd } from "../e2e/faults/support.ts";
import { rowgate } from "../support/cli.ts";
import { type FakeClock, fakeClock, noFaketime, spawnGatewayUnder } from "../support/faketime.ts";
import { type Staging, startStaging, writeProject } from "../support/staging.ts";

// A clock that is set while a run is on: this machine's, or the gateway's. The database stays where it is.

const reason = noFaketime();
// Said aloud: a test that did not run must not look like one that passed.
if (reason !== undefined) process.stderr.write(`\nNOT RUN: test/cli/clock: ${reason}\n`);

const hour = 3600;
const { sql, matrix } = crowd(4);

interface Ran {
  readonly record: RunRecord;
  readonly cells: readonly CellRecord[];
  readonly out: string;
  readonly code: number | null;
  /** Milliseconds, by a clock that nobody has set. */
  readonly took: number;
  readonly requests: number;
}

interface Setting {
  /**
   * Which request of the run sets a clock; it and those after it are passed on when every server tells the new time. Those that look
   * for the same database are not counted: a slow machine sends more of them.
   */
  readonly at?: number | "same-database";
  readonly set?: () => void;
  /** The front door's own. */
  readonly date?: () => Date;
}

describe.skipIf(reason !== undefined)("a clock that is set in mid-run", () => {
  let folder: string;
  let staging: Staging;
  let here: FakeClock;
  let gateways: FakeClock;
  let runs = 0;
  /** Requests of a run whose clocks stay as they are, but those that look for the same database. */
  let requests = 0;

  beforeAll(async () => {
    folder = mkdtempSync(path.join(tmpdir(), "rowgate-clock-"));
    mkdirSync(path.join(folder, "policies"));
    writeFileSync(path.join(folder, "policies/010_crowd.sql"), sql);
    here = fakeClock(path.join(folder, "here"));
    gateways = fakeClock(path.join(folder, "gateways"));
    staging = await startStaging({
      policies: path.join(folder, "policies"),
      gateway: (config) => spawnGatewayUnder(gateways, config),
    });
    await writeProject(folder, {
      "matrices/crowd.yaml": matrix,
      "rowgate.yaml": `targets:
  staging:
    posture: staging
    database: { url: '\${DB_URL}', sslmode: disable }
    rest: { url: '${staging.rest}', ca: ${staging.ca} }
    jwt: { private_key: '\${JWT_KEY}' }
`,
    });
    ({ requests } = await runWith({}));
  });
  beforeEach(() => {
    here.set(0);
    gateways.set(0);
  });
  afterAll(async () => {
    await staging?.stop();
    rmSync(folder, { recursive: true, force: true });
  });

  async function runWith({ at = 0, set, date }: Setting): Promise<Ran> {
    runs += 1;
    const logs = path.join(folder, `logs-${runs}`);
    let come = 0;
    let held: Promise<void> | undefined;
    const before = async ({ url = "" }: IncomingMessage): Promise<void> => {
      const looksForDatabase = /=rowgate_[0-9a-f]{24}/.test(decodeURIComponent(url));
      if (!looksForDatabase) come += 1;
      if (held === undefined && (at === "same-database" ? looksForDatabase : come === at)) {
        set?.();
        // Servers write the same `Date` for up to a second.
        held = wait(1_200);
      }
      await held;
    };
    staging.interfere({ before, ...(date !== undefined && { date }) });
    const began = performance.now();
    const result = await rowgate(["run", "--target", "staging", "--logs", logs], {
      cwd: folder,
      env: { DB_URL: staging.url, JWT_KEY: staging.key, ...here.env },
    });
    const took = performance.now() - began;
    expect(come, result.err).toBeGreaterThan(at === "same-database" ? 0 : at);
    const [day = "", ...more] = readdirSync(logs).filter((name) => dayPattern.test(name));
    expect(more).toEqual([]);
    // A run that ended early leaves its unfinished folder and the note of who writes it.
    const [id = "", ...others] = readdirSync(path.join(logs, day)).filter((name) => !name.startsWith("."));
    expect(id, `code ${result.code}, signal ${result.signal}: ${result.out}${result.err}`).not.toBe("");
    expect(others).toEqual([]);
    const archive = path.join(logs, day, id);
    expect(await verifyArchive(archive)).toEqual([]);
    const cells: CellRecord[] = [];
    for await (const cell of readCells(archive)) cells.push(cell);
    const out = result.out.replaceAll(/\s+/g, " ");
    return { record: await readRun(archive), cells, out, code: result.code, took, requests: come };
  }

  test("nobody's, for contrast", async () => {
    const ran = await runWith({});
    expect(ran.code, ran.out).toBe(0);
    expect(ran.record.findings.filter(isAboutClock)).toEqual([]);
    timesAreSound(ran);
  });

  test.each([
    ["forward", hour],
    ["back", -hour],
  ])(
    "this machine's, an hour %s: tokens were signed before, and everything is proved",
    async (_word, seconds) => {
      const ran = await runWith({ at: Math.round(requests / 2), set: () => here.set(seconds) });
      expect(ran.code, ran.out).toBe(0);
      expect(new Set(ran.cells.map(({ verdict }) => verdict))).toEqual(new Set(["pass"]));
      timesAreSound(ran);
      expect(ran.record.findings.filter(isAboutClock)).toEqual([{ kind: "clock-was-set", seconds }]);
      expect(ran.out).toContain("1 clock-was-set");
    },
  );

  test.each([
    ["ahead, and set back", hour, "back"],
    ["behind, and set forward", -hour, "forward"],
  ])(
    "this machine's, an hour %s after tokens were signed: rest proves nothing, and says why",
    async (_, seconds, word) => {
      here.set(seconds);
      const ran = await runWith({ at: 1, set: () => here.set(0) });
      expect(ran.code).toBe(2);
      expect(new Set(verdictsOn("rest", ran))).toEqual(new Set(["error"]));
      expect(new Set(verdictsOn("direct", ran))).toEqual(new Set(["pass"]));
      expect(toTheHour(ran.out)).toMatch(
        new RegExp(
          `the gateway refused the token \\(PGRST303 JWT [a-z ]+\\): this machine's clock was set an hour ${word} after the tokens had been signed`,
        ),
      );
      timesAreSound(ran);
    },
  );

  test.each([
    ["ahead of", hour, "expired"],
    ["behind", -hour, "issued at future"],
  ])("the gateway's alone: from then on it is %s this machine's", async (word, seconds, said) => {
    const ran = await runWith({ at: Math.round(requests / 2), set: () => gateways.set(seconds) });
    expect(ran.code).toBe(2);
    expect(new Set(verdictsOn("direct", ran))).toEqual(new Set(["pass"]));
    const rest = verdictsOn("rest", ran);
    expect(new Set(rest)).toEqual(new Set(["pass", "error"]));
    // A relation is probed whole before its cells are told: the last began when the clock had been set.
    const last = ran.cells.filter(({ relation }) => relation === "notes_4");
    expect(new Set(verdictsOn("rest", { cells: last }))).toEqual(new Set(["error"]));
    const whys = ran.cells.flatMap(({ channels: { rest: one } }) =>
      one?.verdict === "error" ? [toTheHour(one.because)] : [],
    );
    const refused = `the gateway refused the token (PGRST303 JWT ${said}): `;
    const apart = `${refused}the gateway's clock is an hour ${word} this machine's; set the clocks (NTP), and run again`;
    expect(whys).toContain(apart);
    // A busy gateway writes its old `Date` for some answers more: then the tokens' times alone show that the clocks differ.
    const byTokens = `${refused}by the clock that this machine had when the tokens were signed, every one of them holds; compare the clocks (rowgate doctor), set them (NTP), and run again`;
    expect(whys.filter((why) => why !== apart && why !== byTokens)).toEqual([]);
    expect(ran.record.findings.filter(isAboutClock)).toEqual([]);
    timesAreSound(ran);
  });

  // Its requests fail while the database is still watched for them: they must not end the run as a defect.
  test("the gateway's alone, while the same database is looked for", async () => {
    const ran = await runWith({ at: "same-database", set: () => gateways.set(hour) });
    expect(ran.code).toBe(2);
    expect(new Set(verdictsOn("direct", ran))).toEqual(new Set(["pass"]));
    expect(new Set(verdictsOn("rest", ran))).toEqual(new Set(["error"]));
    expect(ran.out).toContain(
      "nothing shows that the REST URL and the database URL lead to the same database: the gateway refused the token",
    );
  });

  test("the gateway's alone, behind a front door with a clock of its own", async () => {
    const ran = await runWith({
      at: Math.round(requests / 2),
      set: () => gateways.set(hour),
      date: () => new Date(),
    });
    expect(ran.code).toBe(2);
    expect(new Set(verdictsOn("rest", ran))).toEqual(new Set(["pass", "error"]));
    expect(ran.out).toContain(
      "(PGRST303 JWT expired): by the clock that this machine had when the tokens were signed, every one of them holds; compare the clocks",
    );
  });

  test.each([
    ["ahead of", hour],
    ["behind", -hour],
  ])("the gateway's, an hour %s this machine's from the start", async (word, seconds) => {
    gateways.set(seconds);
    const ran = await runWith({});
    expect(ran.code).toBe(2);
    expect(new Set(verdictsOn("rest", ran))).toEqual(new Set(["error"]));
    expect(toTheHour(ran.out)).toContain(`the gateway's clock is an hour ${word} this machine's`);
    timesAreSound(ran);
  });
});

/** `Date` counts whole seconds. */
function toTheHour(text: string): string {
  return text.replaceAll(/\b(?:359|360)\d s\b/g, "an hour");
}

/** Whatever was done to whose clock. */
function timesAreSound({ record, took }: Ran): void {
  const lasted = Date.parse(record.finishedAt) - Date.parse(record.startedAt);
  expect(lasted).toBeGreaterThan(0);
  expect(lasted).toBeLessThanOrEqual(took);
  for (const one of Object.values(record.timings)) {
    expect(one).toBeGreaterThanOrEqual(0);
    expect(one).toBeLessThanOrEqual(took);
  }
}

function isAboutClock({ kind }: Finding): boolean {
  return kind === "clock-was-set";
}

function verdictsOn(channel: "direct" | "rest", { cells }: Pick<Ran, "cells">): readonly string[] {
  return cells.flatMap(({ channels }) => channels[channel]?.verdict ?? []);
}
