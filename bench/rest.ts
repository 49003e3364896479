import { mkdirSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import path from "node:path";
import { startEmbedded } from "../dist/stage/postgres/server.js";
import { openEmbeddedTarget } from "../dist/stage/targets.js";
import { settle } from "./database.ts";
import { rate, type StageResult } from "./figures.ts";
import { forget, writeMatrix } from "./laboratory.ts";
import type { Options } from "./options.ts";
import type { HttpFigures, LoadOrder } from "./orders.ts";
import { median } from "./sample.ts";
import type { Shape } from "./shape.ts";
import { timedChild, timedRun } from "./spawn-child.ts";
import { rolesSql, systemSql, usageSql } from "./system-sql.ts";

const shape: Shape = { personas: 100, relations: 40 };
/** As many as the channel has in flight. */
const concurrency = 12;

/** The rest channel's requests, and the same ones again from a bare load generator: one gateway, round after round. */
export async function benchRest(options: Options, folder: string): Promise<StageResult> {
  const server = await startEmbedded();
  try {
    const policies = path.join(folder, "rest-policies");
    mkdirSync(policies);
    writeFileSync(path.join(policies, "010_system.sql"), [rolesSql, usageSql, systemSql(shape)].join(";\n"));
    await using opened = await openEmbeddedTarget({
      server,
      database: "rest",
      policies,
      overlays: [],
      schemas: ["public"],
      gateway: "auto",
      txEnd: "rollback-allow-override",
      jwtSecret: undefined,
      environment: process.env,
    });
    const { target } = opened;
    const matrixFile = writeMatrix(folder, "rest", shape);
    const recording = path.join(folder, "requests.json");
    const channel = async (recordTo: string | undefined): Promise<HttpFigures> => {
      const ran = await timedRun({
        target,
        matrixFile,
        logs: path.join(folder, "logs"),
        only: ["*/*/select"],
        channels: ["rest"],
        recordTo,
      });
      forget(ran.archive);
      return ran.http;
    };
    await settle(target.database);
    await channel(recording);
    const order: LoadOrder = { url: target.rest?.url ?? "", recording, concurrency };
    const rounds: { readonly channel: HttpFigures; readonly bare: HttpFigures }[] = [];
    for (let round = 0; round < Math.max(5, options.rounds); round++) {
      // Whoever goes second finds everything warm: they take turns.
      const first = round % 2 === 0 ? await channel(undefined) : undefined;
      const bare = JSON.parse(
        (await timedChild("child-load.js", JSON.stringify(order))).output,
      ) as HttpFigures;
      rounds.push({ channel: first ?? (await channel(undefined)), bare });
    }
    const recorded = (JSON.parse(readFileSync(recording, "utf8")) as unknown[]).length;
    rmSync(recording);
    const [ours, theirs] = [
      rounds.map((one) => perSecond(one.channel)),
      rounds.map((one) => perSecond(one.bare)),
    ];
    const gateway = target.rest?.gateway;
    return {
      rows: [
        {
          what: `rest channel, ${recorded.toLocaleString("en")} GETs, ${concurrency} in flight, beside a bare load generator`,
          ours: rate(median(ours), "requests"),
          theirs: rate(median(theirs), "requests"),
          ratio: median(ours.map((own, index) => own / (theirs[index] ?? Number.NaN))),
          budget: { bound: "at least", value: 0.85 },
        },
      ],
      notes: [`Gateway of the rest channel: ${gateway?.kind} ${gateway?.version}.`],
      raw: { gateway, shape, rounds },
    };
  } finally {
    await server.stop();
  }
}

function perSecond({ requests, milliseconds }: HttpFigures): number {
  return (1000 * requests) / milliseconds;
}
