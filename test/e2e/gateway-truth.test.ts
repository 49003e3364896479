import { afterAll, beforeAll, expect, test, vi } from "vitest";
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

interface Difference {
  readonly reason: string;
  readonly requests: number;
  readonly matches: (one: Replayed) => boolean;
}

/** Every answer is the recorded one, or 501 for a part that is listed with its count, or a listed difference. */
function compare(
  replayed: readonly Replayed[],
  notSpoken: Readonly<Record<string, number>>,
  differences: readonly Difference[],
  more: boolean,
): void {
  const spoken = replayed.filter(({ answer }) => answer.status !== 501);
  const silent = replayed.filter(({ answer }) => answer.status === 501);
  expect(counted(silent.map(({ answer }) => unspoken(answer.body)))).toEqual(notSpoken);
  const found = differing(spoken, more);
  const different = spoken.filter(({ id }) => found.has(id));
  const unlisted = different.filter((one) => !differences.some(({ matches }) => matches(one)));
  expect(Object.fromEntries(unlisted.map(({ id }) => [id, found.get(id)]))).toEqual({});
  for (const { matches, requests } of differences)
    expect(different.filter((one) => matches(one))).toHaveLength(requests);
}

/** How many requests meet each part of the protocol that is left out. The reasons: docs/gateway.md, “What it answers 501”. */
const notSpoken = {
  first: {
    PUT: 217,
    OPTIONS: 2,
    "return=headers-only": 97,
    "handling=": 2,
    "this media type in Accept": 2,
    "(HEAD)": 1,
  },
  more: {
    PUT: 266,
    OPTIONS: 267,
    "return=headers-only": 281,
    "handling=": 342,
    "max-affected=": 85,
    "count=planned": 5,
    "count=estimated": 5,
    "this media type in Accept": 85,
    "casts (::)": 62,
    "aggregate functions": 10,
    "JSON paths (->, ->>)": 6,
    "resource embedding": 21,
    "full-text search": 4,
    "operators with (any) or (all)": 24,
    "regular expressions (match, imatch)": 20,
    isdistinct: 16,
    "operators of arrays and ranges (cs, cd, ov, sl, sr, nxr, nxl, adj)": 40,
    "bodies of type text/csv": 2,
    "bodies of type application/x-www-form-urlencoded": 2,
    "bodies of type text/plain": 1,
    "bodies of type text/xml": 1,
    "bodies of type application/octet-stream": 1,
    "claims that name a member twice": 18,
    "text that is not UTF-8": 2,
    "(HEAD)": 41,
  },
};

test("1,382 answers, under one setting", async () => {
  const now = Math.floor(Date.now() / 1000);
  const truth = readTruth(now);
  expect(new Set(truth.recorded.map(({ id }) => id)).size).toBe(1382);
  const database = await loadDatabase(server, "truth", truth.schema);
  // Tokens expire by the clock, to the second; the gateway runs in this process and sees it stand still.
  vi.useFakeTimers({ toFake: ["Date"], now: now * 1000 });
  try {
    compare(await replayBuiltin(truth, database), notSpoken.first, [], false);
  } finally {
    vi.useRealTimers();
  }
});

test("6,392 further answers, under eleven settings", { timeout: 600_000 }, async () => {
  const more = readMore();
  expect(more.recorded).toHaveLength(6392);
  const blanks: Difference = {
    reason:
      "a blank behind a token: Node takes it for no part of the header, PostgREST for a part of the token",
    requests: 11,
    matches: ({ sent }) => sent.headers?.["authorization"]?.endsWith(" ") === true,
  };
  compare(
    await replayBuiltin(more, await loadDatabase(server, "more", more.schema)),
    notSpoken.more,
    [blanks],
    true,
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
