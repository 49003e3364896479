import { spawnSync } from "node:child_process";
import { mkdtempSync, mkdirSync, readdirSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import path from "node:path";
import { readCells } from "../dist/archive/read.js";

// `npm run record`, after the compiler: proves flawed variants and a sound system, a few relations each, and keeps the archives
// as test/fixtures/runs/<name>: the reports' goldens are rendered from them. What changes from run to run is made the same.
const root = path.resolve(import.meta.dirname, "..");
const runs = {
  "policy-too-broad": ["fne-lms", "broad-activity-policy", "*/public.activity_feed/*"],
  "insert-for-others": [
    "fne-lms",
    "insert-for-others",
    "*/public.activity_feed/*",
    "*/public.course_enrollments/insert",
  ],
  "view-of-its-owner": ["fne-lms", "definer-view", "*/public.community_threads/*"],
  lockout: ["fne-lms", "lockout", "*/public.activity_feed/*"],
  recursion: ["fne-lms", "recursion", "*/public.user_roles/select"],
  "truncate-granted": ["clawtrol", "truncate-granted", "*/*/truncate"],
  "function-without-check": ["helios", "function-without-check", "*/public.organization_profiles/*"],
  sound: [
    "helios",
    undefined,
    "*/public.organizations/*",
    "*/public.member_profiles/*",
    "*/public.organization_profiles/*",
  ],
};
// A few of each kind: an archive holds every cell whole.
const personas = {
  "fne-lms": ["anon", "adela", "diana", "bruno", "oscar", "service"],
  clawtrol: ["ada", "max", "report"],
  helios: ["anon", "adela", "mara", "marek", "service"],
};
const id = "20261121T020304Z-0a1b2c3d";

for (const [name, [system, variant, ...only]] of Object.entries(runs)) {
  const logs = mkdtempSync(path.join(tmpdir(), "rowgate-record-"));
  try {
    const overlay = variant === undefined ? [] : ["--overlay", `policies/${system}/flawed/${variant}.sql`];
    const filters = [
      ...only.flatMap((pattern) => ["--only", pattern]),
      ...personas[system].flatMap((persona) => ["--persona", persona]),
    ];
    const args = [
      "dist/cli.js",
      "run",
      `matrices/${system}.yaml`,
      ...overlay,
      ...filters,
      "--quiet",
      "--logs",
      logs,
    ];
    const { status } = spawnSync(process.execPath, args, {
      cwd: root,
      stdio: ["ignore", "ignore", "inherit"],
    });
    const found = readdirSync(logs, { recursive: true, encoding: "utf8" }).find(
      (file) => path.basename(file) === "run.json",
    );
    if (found === undefined) throw new Error(`${name} left no archive (exit ${status})`);
    await keep(name, path.dirname(path.join(logs, found)));
  } finally {
    rmSync(logs, { recursive: true, force: true });
  }
}

async function keep(name, archive) {
  const folder = path.join(root, "test/fixtures/runs", name);
  mkdirSync(folder, { recursive: true });
  const run = JSON.parse(readFileSync(path.join(archive, "run.json"), "utf8"));
  const at = "2026-11-21T02:03:04.000Z";
  const same = {
    id,
    startedAt: at,
    finishedAt: at,
    gitCommit: undefined,
    previous: undefined,
    roundTrips: { direct: 12, rest: 34 },
    timings: { start: 800, preflight: 210, probe: 1190, total: 2345 },
  };
  writeFileSync(
    path.join(folder, "run.json"),
    `${stable(JSON.stringify({ ...run, ...same }, undefined, 2))}\n`,
  );
  // Lines come as the workers finish.
  const lines = [];
  for await (const cell of readCells(archive)) lines.push(JSON.stringify(cell));
  const rank = (line) => {
    const { persona, schema, relation } = JSON.parse(line);
    const personaAt = run.personas.findIndex((one) => one.name === persona);
    return run.relations.indexOf(`${schema}.${relation}`) * 1000 + personaAt;
  };
  lines.sort((a, b) => rank(a) - rank(b));
  writeFileSync(path.join(folder, "cells.ndjson"), `${stable(lines.join("\n"))}\n`);
}

/** Ports and the times of tokens. */
function stable(text) {
  return text
    .replaceAll(/127\.0\.0\.1:\d+/g, "127.0.0.1:54321")
    .replaceAll(/(\\*"(?:iat|exp)\\*":)\d{10}/g, "$11795000000");
}
