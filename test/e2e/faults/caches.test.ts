import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { startEmbedded } from "../../../src/stage/postgres/server.ts";
import type { EmbeddedServer } from "../../../src/stage/postgres/server.ts";
import { answer, type Mischief, openProxy, type Proxy } from "../rest-proxy.ts";
import { type Attempt, attempt, crowd, openFirst } from "./support.ts";

// Something before the gateway that remembers: it gives one caller what another was told. An open table looks closed to
// everybody, once somebody who is shown nothing has asked.

let server: EmbeddedServer;
beforeAll(async () => {
  server = await startEmbedded();
});
afterAll(async () => {
  await server?.stop();
});

const { sql, matrix } = crowd(3);
const denied = `${matrix}  vault:\n    expect: { '*': deny }\n`;
const open = `create table vault (id int primary key, body text);
  insert into vault values (1, 'a'), (2, 'b');
  alter table vault enable row level security;
  grant select on vault to authenticated, anon;
  create policy open on vault to authenticated using (true);`;

/** Has the answers of strangers to some addresses, and passes the rest on. */
function remembering(gateway: string, remembers: (path: string) => boolean, headers = {}): Mischief {
  const heard = new Map<string, { status: number; body: string; range: string }>();
  return async ({ method, path, headers: asked }, response) => {
    if (method !== "GET" || !remembers(path)) return undefined;
    if (!heard.has(path)) {
      const { authorization: _, host: __, ...others } = asked;
      const first = await fetch(`${gateway}${path}`, { headers: others });
      const range = first.headers.get("content-range") ?? "";
      heard.set(path, { status: first.status, body: await first.text(), range });
    }
    const { status, body, range } = heard.get(path) ?? { status: 500, body: "", range: "" };
    if (status !== 200) return undefined;
    return answer(response, status, body, { "content-range": range, ...headers });
  };
}

async function behind(remembers: (path: string) => boolean, headers = {}, more = ""): Promise<Attempt> {
  let proxy: Proxy | undefined;
  try {
    return await attempt({
      server,
      sql: `${sql}\n${open}\n${openFirst}\n${more}`,
      matrix: denied,
      channels: ["rest"],
      only: ["*/*/select"],
      retarget: async (target) => {
        if (target.rest === undefined) throw new Error("there is a gateway");
        proxy = await openProxy(target.rest.url);
        proxy.misbehave(remembering(target.rest.url, remembers, headers));
        return { ...target, rest: { ...target.rest, url: proxy.url } };
      },
    });
  } finally {
    await proxy?.stop();
  }
}

function verdicts({ cells, error }: Attempt, of: string): readonly (string | undefined)[] {
  if (error !== undefined) throw error;
  return [...cells.values()]
    .filter(({ id }) => /^p\d/.test(id) && id.includes(of))
    .map(({ channels }) => channels.rest?.verdict);
}

const ofTheVault = (path: string): boolean => path.startsWith("/vault?");

describe("a cache that gives everybody what a stranger was told", () => {
  test("says so (Age): what it answered is an error, what the gateway answered stays", async () => {
    const attempted = await behind(ofTheVault, { age: "12" });
    expect(verdicts(attempted, "vault")).toEqual(["error", "error", "error"]);
    expect(attempted.cells.get("p1/public.vault/select")?.channels.rest?.because).toContain("age: 12");
    expect(new Set(verdicts(attempted, "notes_2"))).toEqual(new Set(["pass"]));
    expect(new Set(verdicts(attempted, "notes_1"))).toEqual(new Set(["leak"]));
  });

  test("says nothing: a stranger is answered too, and then nothing is believed any more", async () => {
    const attempted = await behind(ofTheVault);
    expect(verdicts(attempted, "vault")).toEqual(["error", "error", "error"]);
    expect(attempted.cells.get("p1/public.vault/select")?.channels.rest?.because).toContain("remembers");
    expect(attempted.run?.exitCode).toBe(1);
  });

  test("answers everything: nothing is believed from the start", async () => {
    const strangers = "grant select on notes_1, notes_2, notes_3 to anon;";
    const attempted = await behind((path) => /^\/(?:vault|notes_\d)\?/.test(path), {}, strangers);
    for (const of of ["vault", "notes_1", "notes_2"])
      expect(new Set(verdicts(attempted, of))).toEqual(new Set(["error"]));
    expect(attempted.run?.exitCode).toBe(2);
  });
});
