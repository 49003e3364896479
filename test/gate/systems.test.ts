import { readdir } from "node:fs/promises";
import path from "node:path";
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { loadMatrix } from "../../src/commands/load-matrix.ts";
import { ruleChanges } from "../../src/diff/rules.ts";
import { type Earlier, gate, type GateRequest, openEarlier } from "../../src/gate/gate.ts";
import { readPending } from "../../src/gate/migrations.ts";
import { openState } from "../../src/gate/state.ts";
import { gateExitCode, undeclaredGains } from "../../src/model/gate.ts";
import { type EmbeddedServer, startEmbedded } from "../../src/stage/postgres/server.ts";
import type { OpenedTarget } from "../../src/stage/system.ts";
import { prepareEmbedded } from "../../src/stage/targets.ts";
import { groupChanges } from "../../src/report/gate-changes.ts";
import { flaws, lostBefore, shownTo } from "./flaws.ts";
import { guiltyLines } from "./project.ts";

const today = "2026-01-01";

async function migrating(request: GateRequest, file: string): Promise<GateRequest> {
  return { ...request, pending: await readPending([path.resolve(file)], "login", process.cwd()) };
}

/** `a, b: update, delete on t by line 1`: one line a persona and operation, since how they are grouped depends on example keys. */
function eachOf(group: string): readonly string[] {
  const [, who = "", what = "", where = ""] = /^(.*?): (.*?) (on .*)$/.exec(group) ?? [];
  return who
    .split(", ")
    .flatMap((one) => what.split(", ").map((operation) => `${one}: ${operation} ${where}`));
}

describe.each(Object.keys(flaws))("%s", (system) => {
  const policies = `policies/${system}`;
  let server: EmbeddedServer;
  const opened: OpenedTarget[] = [];
  let good: GateRequest;
  let earlier: Earlier;

  const open = async (database: string, overlays: readonly string[]): Promise<GateRequest> => {
    const { matrix } = await loadMatrix(`matrices/${system}.yaml`, process.cwd(), today);
    const prepared = await prepareEmbedded({
      server,
      database,
      policies,
      overlays,
      schemas: matrix.exposes,
      gateway: matrix.channels.includes("rest") ? "builtin" : "none",
      txEnd: "rollback-allow-override",
      jwtSecret: undefined,
      environment: {},
    });
    const one = await prepared.open();
    opened.push(one);
    const { target } = one;
    return { matrix, target, pending: [], environment: {}, onSharedTarget: false, requireComplete: true };
  };

  beforeAll(async () => {
    server = await startEmbedded();
    const whole = await open("good", []);
    const personas = whole.matrix.personas.filter(({ name }) => shownTo[system]?.includes(name) === true);
    good = { ...whole, matrix: { ...whole.matrix, personas } };
    earlier = await openEarlier(good);
  });
  afterAll(async () => {
    await earlier?.[Symbol.asyncDispose]();
    for (const one of opened) await one[Symbol.asyncDispose]();
    await server?.stop();
  });

  test("from the state before to this one: what systems.md tells of is lost, nothing is gained, and no rule differs in the end", async () => {
    const folder = `${policies}/before`;
    const names = (await readdir(folder)).filter((name) => name.endsWith(".sql")).toSorted();
    const before = await open(
      "before",
      names.map((name) => `${folder}/${name}`),
    );
    const [migration = ""] = await readdir(`${folder}/migration`);
    const request = await migrating(before, `${folder}/migration/${migration}`);
    const after = await openState({ ...request, matrix: good.matrix }, request.pending.length);
    const { catalog } = after.plan;
    await after.close();
    expect(ruleChanges(earlier.state.plan.catalog, catalog)).toEqual([]);

    const record = await gate(request);
    expect(undeclaredGains(record)).toEqual([]);
    const { broken, misfit, sideWrites, powers } = record;
    const findings = record.findings.filter((one) => one.before !== true);
    expect([broken, misfit, findings, powers]).toEqual([[], undefined, [], []]);
    // A helper that runs with its owner's rights, and that the matrix lets people call, has another body: a person reads it.
    expect(sideWrites.map(({ by }) => by)).toEqual(
      system === "fne-lms" ? ["function public.is_admin_or_consultor(uid uuid)"] : [],
    );
    expect(record.lost.every(({ statement }) => statement !== undefined)).toBe(true);
    const lost = groupChanges(record.lost, record).map(
      ({ personas, operations, relation, statement }) =>
        `${personas.join(", ")}: ${operations.join(", ")} on ${relation} by line ${record.statements[statement ?? -1]?.line}`,
    );
    expect(lost.flatMap(eachOf)).toEqual(
      expect.arrayContaining((lostBefore[system] ?? []).flatMap((one) => eachOf(one))),
    );
  });

  test("each flaw has its line in the table", async () => {
    expect(Object.keys(flaws[system] ?? {}).toSorted()).toEqual(
      (await readdir(`${policies}/flawed`)).map((name) => name.replace(/\.sql$/, "")).toSorted(),
    );
  });

  const all = Object.entries(flaws[system] ?? {});
  test.each(all)("the flaw %s, as a migration, is stopped at its statement", async (flaw, lines) => {
    const record = await gate(await migrating(good, `${policies}/flawed/${flaw}.sql`), {}, earlier);
    expect(gateExitCode(record)).toBe(1);
    expect(guiltyLines(record)).toEqual(lines);
  });
});
