import { afterAll, beforeAll, describe, expect, test, vi } from "vitest";
import { startEmbedded } from "../../src/stage/postgres/server.ts";
import type { EmbeddedServer } from "../../src/stage/postgres/server.ts";
import { startGateway } from "../../src/stage/gateway/server.ts";
import { differing, loadDatabase, readMore, readTruth, replay } from "./gateway-replay.ts";
import type { Recording, Replayed } from "./gateway-replay.ts";

// What a real PostgREST 16.2 answered, against what the builtin gateway answers to the same requests.

let server: EmbeddedServer;

beforeAll(async () => {
  server = await startEmbedded();
});

afterAll(async () => {
  await server?.stop();
});

/** The builtin gateway's answers, under each of a recording's settings. */
async function replayBuiltin(recording: Recording, database: string): Promise<Replayed[]> {
  const replayed: Replayed[] = [];
  for (const [name, settings] of Object.entries(recording.settings)) {
    const address = { ...server.database, ...server.authenticator, database };
    const gateway = await startGateway({ ...settings, database: address });
    try {
      const own = recording.recorded.filter((one) => one.settings === name);
      replayed.push(...(await replay(gateway.url, own)));
    } finally {
      await gateway.stop();
    }
  }
  return replayed;
}

describe("the 1,382 answers that everything else was built on", () => {
  /** Requests that are answered otherwise, and why. One that is answered alike must leave this list. */
  const differences: Readonly<Record<string, string>> = {
    "GET / none": "501: the OpenAPI description is of no use to a probe",
    csv: "501: rows as CSV are of no use to a probe",
  };

  test("the builtin gateway gives each of them, save those listed", async () => {
    const now = Math.floor(Date.now() / 1000);
    const truth = readTruth(now);
    expect(new Set(truth.recorded.map(({ id }) => id)).size).toBe(1382);
    const database = await loadDatabase(server, "truth", truth.schema);
    // Tokens expire by the clock, to the second; the gateway runs in this process and sees it stand still.
    vi.useFakeTimers({ toFake: ["Date"], now: now * 1000 });
    try {
      const found = differing(await replayBuiltin(truth, database));
      const unlisted = [...found].filter(([id]) => !Object.hasOwn(differences, id));
      expect(Object.fromEntries(unlisted)).toEqual({});
      expect([...found.keys()].toSorted()).toEqual(Object.keys(differences).toSorted());
    } finally {
      vi.useRealTimers();
    }
  });
});

describe("6,392 further answers", () => {
  /** How many requests meet each part of the protocol that the builtin gateway does not speak: all that are answered 501. */
  const notSpoken: Readonly<Record<string, number>> = {
    "JSON paths (->, ->>)": 6,
    "full-text search": 4,
    "resource embedding": 10,
    "nulls=stripped": 5,
    "text/csv": 5,
    "application/geo+json": 5,
    "count=planned": 4,
    "count=estimated": 4,
    "bodies of type text/csv": 2,
    "bodies of type application/x-www-form-urlencoded": 2,
    "bodies of type text/plain": 1,
    "bodies of type text/xml": 1,
    "bodies of type application/octet-stream": 1,
    "claims that name a member twice": 18,
    "text that is not UTF-8": 2,
    "(HEAD)": 1,
  };

  /** Requests that are answered otherwise, and why. */
  const differences = [
    {
      reason:
        "a blank behind a token: Node takes it for no part of the header, PostgREST for a part of the token",
      requests: 11,
      matches: ({ sent }: Replayed) => sent.headers?.["authorization"]?.endsWith(" ") === true,
    },
  ];

  test(
    "the builtin gateway gives each of them, or 501 for what it does not speak",
    { timeout: 600_000 },
    async () => {
      const more = readMore();
      expect(more.recorded).toHaveLength(6392);
      const replayed = await replayBuiltin(more, await loadDatabase(server, "more", more.schema));
      const spoken = replayed.filter(({ answer }) => answer.status !== 501);
      const silent = replayed.filter(({ answer }) => answer.status === 501);
      expect(counted(silent.map(({ answer }) => unspoken(answer.body)))).toEqual(notSpoken);

      const found = differing(spoken, true);
      const different = spoken.filter(({ id }) => found.has(id));
      const unlisted = different.filter((one) => !differences.some(({ matches }) => matches(one)));
      expect(Object.fromEntries(unlisted.map(({ id }) => [id, found.get(id)]))).toEqual({});
      for (const { matches, requests } of differences)
        expect(different.filter((one) => matches(one))).toHaveLength(requests);
    },
  );
});

function unspoken(body: string): string {
  if (body === "") return "(HEAD)";
  const { message } = JSON.parse(body) as { readonly message: string };
  return message.replace("The builtin gateway does not speak this part of PostgREST's protocol: ", "");
}

function counted(words: readonly string[]): Record<string, number> {
  const counts: Record<string, number> = {};
  for (const word of words) counts[word] = (counts[word] ?? 0) + 1;
  return counts;
}
