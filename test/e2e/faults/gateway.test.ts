import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { startEmbedded } from "../../../src/stage/postgres/server.ts";
import type { EmbeddedServer } from "../../../src/stage/postgres/server.ts";
import { answer, hangUp, type Mischief, openProxy, type Proxy } from "../rest-proxy.ts";
import { attempt, crowd, openFirst } from "./support.ts";

// A gateway that breaks while a run is on: rest-trust.test.ts shows what each answer is for one cell, this what becomes of
// the run. What direct has proved stays proved; nothing passes that rest was to prove and could not.

let server: EmbeddedServer;
beforeAll(async () => {
  server = await startEmbedded();
});
afterAll(async () => {
  await server?.stop();
});

const { sql, matrix } = crowd(3);

const never: Mischief = () => "done";
/** Headers at once, then a byte now and then, for ever. */
const dripping: Mischief = (_, response) => {
  response.writeHead(200, { "content-type": "application/json", "content-range": "0-0/1" });
  const timer = setInterval(() => response.write(" "), 50);
  response.once("close", () => clearInterval(timer));
  return "done";
};
/** As fast as it is read, for ever. */
const endless: Mischief = (_, response) => {
  response.writeHead(200, { "content-type": "application/json", "content-range": "0-0/1" });
  const piece = Buffer.alloc(1 << 20, " ");
  const more = (): void => {
    while (!response.destroyed && response.write(piece));
    if (!response.destroyed) response.once("drain", more);
  };
  more();
  return "done";
};
const gigantic: Mischief = (_, response) =>
  answer(response, 200, `[{"id":${"9".repeat(8_000_000)}}]`, { "content-range": "0-0/1" });

interface Fault {
  readonly name: string;
  readonly mischief: Mischief;
  /** 2, or 1 where a limit was reached: that is inconclusive. */
  readonly exits?: readonly number[];
}

const faults: readonly Fault[] = [
  { name: "500", mischief: (_, response) => answer(response, 500, "") },
  { name: "502 with a page", mischief: (_, response) => answer(response, 502, "<html>Bad gateway</html>") },
  {
    name: "503 as PostgREST says it",
    mischief: (_, response) => answer(response, 503, '{"code":"PGRST001","message":"no connection"}'),
  },
  {
    name: "garbage",
    mischief: (_, response) => answer(response, 200, "\u0000\u0001{[", { "content-range": "garbage" }),
  },
  {
    name: "200 [] to everything",
    mischief: (_, response) =>
      answer(response, 200, "[]", { "content-range": "*/0", "preference-applied": "tx=rollback" }),
  },
  { name: "a row of eight million digits", mischief: gigantic },
  { name: "resets", mischief: hangUp },
  { name: "silence", mischief: never, exits: [1] },
  { name: "a byte now and then", mischief: dripping, exits: [1] },
  { name: "a body without an end", mischief: endless, exits: [1, 2] },
];

async function behind(
  mischief: Mischief,
  after: number,
  more = "",
): Promise<Awaited<ReturnType<typeof attempt>>> {
  let proxy: Proxy | undefined;
  let told = 0;
  const attempted = await attempt({
    server,
    sql: `${sql}\n${more}`,
    matrix,
    limits: { requestTimeoutMs: 400 },
    retarget: async (target) => {
      if (target.rest === undefined) throw new Error("there is a gateway");
      proxy = await openProxy(target.rest.url);
      if (after === 0) proxy.misbehave(mischief);
      return { ...target, rest: { ...target.rest, url: proxy.url } };
    },
    events: { cell: () => void (++told === after && proxy?.misbehave(mischief)) },
  });
  await proxy?.stop();
  if (attempted.error !== undefined) throw attempted.error;
  return attempted;
}

describe("from the first request on", () => {
  test.each(faults)(
    "$name: no cell of rest passes, every cell of direct does",
    async ({ mischief, exits = [2] }) => {
      const { cells, run, deviations } = await behind(mischief, 0);
      const rest = [...cells.values()].flatMap(({ channels: { rest: one } }) => one?.verdict ?? []);
      expect(rest.length).toBeGreaterThan(30);
      expect(rest.filter((verdict) => verdict === "pass" || verdict === "leak")).toEqual([]);
      const direct = [...cells.values()].flatMap(({ channels: { direct: one } }) => one?.verdict ?? []);
      expect(new Set(direct)).toEqual(new Set(["pass"]));
      expect(exits).toContain(run?.exitCode);
      expect(deviations).toEqual([]);
    },
  );
});

describe("from the middle on", () => {
  test.each(faults)(
    "$name: what came before stays, no cell after it passes on rest",
    async ({ mischief }) => {
      const { cells, run, deviations } = await behind(mischief, 20, openFirst);
      // A relation is probed whole before its cells are told: the third began when the gateway had broken.
      const after = [...cells.values()].filter(({ id }) => id.includes("notes_3"));
      const rest = after.flatMap(({ channels: { rest: one } }) => one?.verdict ?? []);
      expect(rest.length).toBeGreaterThan(10);
      // A row that nobody declared, well told, may be called a leak.
      expect(rest.filter((verdict) => verdict === "pass")).toEqual([]);
      // A leak that was seen gives 1 even beside errors, and nothing of any write stays.
      expect(run?.exitCode).toBe(1);
      expect(run?.findings.map(({ kind }) => kind)).not.toContain("rows-changed");
      expect(deviations).toEqual([]);
    },
  );
});
