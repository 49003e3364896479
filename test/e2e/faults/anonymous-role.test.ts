import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { startEmbedded } from "../../../src/stage/postgres/server.ts";
import type { EmbeddedServer } from "../../../src/stage/postgres/server.ts";
import { type Attempt, attempt } from "./support.ts";

// A gateway that somebody else has configured: its db-anon-role is not the role of the persona that brings no token. What
// that persona is then refused, another role was refused.

const sql = `
  do $$ begin create role web_anon; exception when duplicate_object then null; end $$;
  grant web_anon to authenticator;
  grant usage on schema public to web_anon;
  create table notes (id int primary key, owner uuid not null);
  alter table notes enable row level security;
  create policy own on notes to authenticated using (owner = auth.uid());
  grant select on notes to authenticated, service_role;
  insert into notes values (1, '10000000-0000-4000-8000-000000000001'), (2, gen_random_uuid());
`;
const people = `  ana:     { role: authenticated, claims: { sub: 10000000-0000-4000-8000-000000000001 } }
  service: { role: service_role }
`;
const rest = `relations:
  notes:
    rows: { mine: owner = :sub }
    expect:
      ana: { select: mine }
      service: { select: allow }
`;
const matrix = `matrix: notes\npersonas:\n  anon: { role: anon }\n${people}${rest}      anon: deny\n`;

let server: EmbeddedServer;
beforeAll(async () => {
  server = await startEmbedded();
});
afterAll(async () => {
  await server.stop();
});

async function behind(anonRole: string | undefined, text = matrix): Promise<Attempt> {
  const attempted = await attempt({
    server,
    sql,
    matrix: text,
    gateway: { anonRole },
    posture: "staging",
    retarget: (target) => ({
      ...target,
      rest: target.rest && { ...target.rest, gateway: { kind: "remote", version: "" } },
    }),
  });
  if (attempted.error !== undefined) throw attempted.error;
  return attempted;
}

/** Of the channel through the gateway: why, or `pass`. */
function onRest({ cells }: Attempt, isAnonymous: boolean): ReadonlySet<string> {
  const own = [...cells.values()].filter(({ persona }) => (persona === "anon") === isAnonymous);
  return new Set(
    own.flatMap(({ channels: { rest: one } }) => {
      if (one === undefined) return [];
      return one.verdict === "pass" ? ["pass"] : [`${one.verdict}: ${one.because}`];
    }),
  );
}

describe("whom the gateway serves who brings no token", () => {
  test("the role that the target says", async () => {
    const attempted = await behind("anon");
    expect(attempted.run?.exitCode).toBe(0);
    expect(onRest(attempted, true)).toEqual(new Set(["pass"]));
  });

  test.each(["web_anon", "authenticated", "service_role"])(
    "%s: no cell of such a persona passes on rest, and each says why",
    async (role) => {
      const attempted = await behind(role);
      expect(attempted.run?.exitCode).toBe(2);
      expect(onRest(attempted, true)).toEqual(
        new Set([
          `error: the gateway serves requests without a token as role ${role}, the matrix says anon (db-anon-role)`,
        ]),
      );
      expect(onRest(attempted, false)).toEqual(new Set(["pass"]));
    },
  );

  test("nobody", async () => {
    const attempted = await behind(undefined);
    expect(attempted.run?.exitCode).toBe(2);
    expect(onRest(attempted, true)).toEqual(
      new Set([
        "error: the gateway serves no request without a token (PGRST302), and the matrix's role anon comes without one (db-anon-role)",
      ]),
    );
    expect(onRest(attempted, false)).toEqual(new Set(["pass"]));
  });

  test.each([undefined, "web_anon"])(
    "%s, where every persona brings a token: all is proved",
    async (role) => {
      const attempted = await behind(role, `matrix: notes\npersonas:\n${people}${rest}`);
      expect(attempted.run?.exitCode).toBe(0);
    },
  );
});
