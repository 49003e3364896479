import { writeFile } from "node:fs/promises";
import path from "node:path";
import { type Earlier, gate, type GateRequest, openEarlier } from "../../src/gate/gate.ts";
import { readPending } from "../../src/gate/migrations.ts";
import { openClones } from "../../src/gate/clones.ts";
import type { GateRecord } from "../../src/model/gate.ts";
import { defaultLimits } from "../../src/model/target.ts";
import { loadMatrix } from "../../src/commands/load-matrix.ts";
import { type EmbeddedServer, startEmbedded } from "../../src/stage/postgres/server.ts";
import type { OpenedTarget } from "../../src/stage/system.ts";
import { prepareEmbedded } from "../../src/stage/targets.ts";
import { makeProject, removeProject } from "../cli/system.ts";

export interface GateProject extends AsyncDisposable {
  readonly folder: string;
  readonly server: EmbeddedServer;
  /** @param more appended to the matrix */
  gated(sql: string, more?: string, how?: Partial<GateRequest>): Promise<GateRecord>;
}

/** One database for many gates, since nothing of a migration stays. */
export async function openGateProject(matrixText: string, sql: string): Promise<GateProject> {
  const folder = await makeProject({ "policies/notes/020_more.sql": sql });
  const server = await startEmbedded();
  const prepared = await prepareEmbedded({
    server,
    database: "gated",
    policies: path.join(folder, "policies/notes"),
    overlays: [],
    schemas: ["public"],
    gateway: "builtin",
    txEnd: "rollback-allow-override",
    jwtSecret: undefined,
    environment: {},
  });
  let opened: OpenedTarget | undefined;
  let earlier: { readonly more: string; readonly state: Earlier } | undefined;
  return {
    folder,
    server,
    async gated(migration, more = "", how = {}) {
      await writeFile(path.join(folder, "migration.sql"), migration);
      await writeFile(path.join(folder, "matrix.yaml"), `${matrixText}${more}`);
      const { matrix } = await loadMatrix("matrix.yaml", folder, "2026-01-01");
      const pending = await readPending([path.join(folder, "migration.sql")], "login", folder);
      const apart = pending.some(({ commits }) => commits !== undefined);
      if (apart) {
        await earlier?.state[Symbol.asyncDispose]();
        await opened?.[Symbol.asyncDispose]();
        earlier = undefined;
        opened = undefined;
      }
      const clones = apart ? await openClones(prepared.database, defaultLimits, pending) : undefined;
      opened ??= await prepared.open();
      const { target } = opened;
      const common = { matrix, target, pending, clones, environment: {}, onSharedTarget: false };
      const request = { requireComplete: true, ...common, ...how };
      // With the same matrix it is the same state before.
      if (apart || earlier?.more !== more) {
        await earlier?.state[Symbol.asyncDispose]();
        earlier = apart ? undefined : { more, state: await openEarlier(request) };
      }
      return gate(request, {}, earlier?.state);
    },
    async [Symbol.asyncDispose]() {
      await earlier?.state[Symbol.asyncDispose]();
      await opened?.[Symbol.asyncDispose]();
      await server.stop();
      await removeProject(folder);
    },
  };
}

/** `▲ ana select public.news, 1→2, line 3, not declared`. */
export function shown({ gained, lost, statements }: GateRecord): readonly string[] {
  const changes = [
    ...gained.map((one) => ({ sign: "▲", ...one, how: one.declared?.how ?? "not declared" })),
    ...lost.map((one) => ({ sign: "▼", ...one, how: "lost" })),
  ];
  return changes.map((one) => {
    const {
      sign,
      persona,
      operation,
      relation,
      before,
      after,
      statement,
      filledBy,
      how,
      privilegeOnly,
      lacking,
    } = one;
    const line = statement === undefined ? "?" : (statements[statement]?.line ?? "?");
    const rows = filledBy === undefined ? "" : `, with the rows of line ${statements[filledBy]?.line}`;
    const counts = `${before?.count ?? "-"}→${after?.count ?? "-"}`;
    const what = privilegeOnly ? "privilege" : lacking === undefined ? counts : "rows that are not there";
    return `${sign} ${persona} ${operation} ${relation}, ${what}, line ${line}, ${how}${rows}`;
  });
}

/** Lines of the statements behind everything that stops the migrations. */
export function guiltyLines({
  gained,
  broken,
  findings,
  future,
  misfit,
  sideWrites,
  powers,
  statements,
}: GateRecord): readonly number[] {
  const stops = [
    ...gained.filter(({ declared }) => declared === undefined),
    ...broken,
    ...findings.filter(({ before }) => before !== true),
    ...future.filter((one) => one.gained.length > 0),
    ...sideWrites,
    ...powers,
    ...(misfit === undefined ? [] : [misfit]),
  ];
  const lines = stops.map(({ statement }) => statements[statement ?? -1]?.line ?? 0);
  return [...new Set(lines)].toSorted((a, b) => a - b);
}
