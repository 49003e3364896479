import jwt from "jsonwebtoken";
import { describe, expect, it } from "vitest";
import { openProxy } from "../rest-proxy.ts";
import { asSuperuser } from "../../support/as-superuser.ts";
import type { GatewayConfig } from "../../../src/stage/gateway/config.ts";
import type { SigningKey } from "../../../src/model/target.ts";
import {
  examineGiven,
  matrixText,
  notesSql,
  problemsOf,
  secret,
  targetOf,
  useWorld,
  world,
} from "./world.ts";

// Whom the gateway serves who brings no token: PostgREST's db-anon-role, beside the role that the target says.

useWorld();

const another = (role: string): string =>
  `role switch: the gateway runs requests without a token as ${role}, and the target says anon (db-anon-role)`;
const disabled =
  "role switch: the gateway refuses requests without a token (PGRST302) because its db-anon-role is not set, and these personas send none: anon";

const withoutAnybody = matrixText
  .replace("  anon:    { role: anon }\n", "")
  .replace("      anon: deny\n", "");
const anonymousOnly =
  "matrix: notes\npersonas: { anon: { role: anon } }\nrelations: { notes: { expect: { anon: deny } } }\n";
/** As Supabase grants on new tables: nothing is refused to anybody by GET. */
const grantedSql = `${notesSql} grant all on public.notes to anon;`;

interface Case {
  readonly what: string;
  /** `null`: no role for those who bring no token. */
  readonly anonRole: string | null;
  readonly sql?: string;
  readonly matrix?: string | null;
  readonly signingKey?: SigningKey | null;
  /** The front door brings a token for who brings none, as Supabase's does. */
  readonly frontDoor?: boolean;
  readonly says: readonly string[];
}

const cases: readonly Case[] = [
  { what: "the one that the target says", anonRole: "anon", says: [] },
  { what: "another one, with as little as that", anonRole: "web_anon", says: [another("role web_anon")] },
  {
    what: "another one, that may read",
    anonRole: "authenticated",
    says: [another("role authenticated")],
  },
  { what: "one past every policy", anonRole: "service_role", says: [another("role service_role")] },
  {
    what: "one past every policy, where nobody may sign tokens",
    anonRole: "service_role",
    signingKey: null,
    matrix: anonymousOnly,
    says: [another("another role")],
  },
  {
    what: "one that may read less, where nothing is refused to the declared one",
    anonRole: "web_anon",
    sql: grantedSql,
    says: [another("role web_anon")],
  },
  { what: "none, where a persona brings no token", anonRole: null, says: [disabled] },
  { what: "none, where every persona brings a token", anonRole: null, matrix: withoutAnybody, says: [] },
  { what: "none, and no matrix", anonRole: null, matrix: null, says: [] },
  {
    what: "another one, and every persona brings a token",
    anonRole: "web_anon",
    matrix: withoutAnybody,
    says: [],
  },
  {
    what: "none, behind a front door that brings a token of its own",
    anonRole: null,
    frontDoor: true,
    says: [],
  },
  { what: "the same one, behind such a front door", anonRole: "anon", frontDoor: true, says: [] },
  { what: "another one, behind such a front door", anonRole: "web_anon", frontDoor: true, says: [] },
  { what: "the same one, where nothing is refused to it", anonRole: "anon", sql: grantedSql, says: [] },
];

describe("whom the gateway serves who brings no token", () => {
  it.each(cases)(
    "$what",
    async ({ anonRole, sql = notesSql, matrix, signingKey, frontDoor = false, says }) => {
      const database = await world.fresh(sql);
      await asSuperuser(
        database,
        `do $$ begin create role web_anon; exception when duplicate_object then null; end $$;
       grant web_anon to authenticator; grant usage on schema public to web_anon;`,
      );
      const config: Partial<GatewayConfig> = {
        database: { ...database, ...world.server.authenticator },
        anonRole: anonRole ?? undefined,
      };
      const { url } = await world.gateway(config);
      const target = targetOf(world, {
        url: frontDoor ? await behindFrontDoor(url) : url,
        over: { database, ...(signingKey === null && { signingKey: undefined }) },
      });
      const diagnoses = await examineGiven({ target, ...(matrix !== undefined && { matrix }) });
      expect(problemsOf(diagnoses)).toEqual(says);
    },
  );
});

async function behindFrontDoor(url: string): Promise<string> {
  const own = `Bearer ${jwt.sign({ role: "anon", iss: "supabase", ref: "abcdefghijklmnopqrst" }, secret)}`;
  const proxy = world.use(await openProxy(url), (one) => one.stop());
  proxy.misbehave(({ headers }) =>
    headers["authorization"] === undefined ? { headers: { ...headers, authorization: own } } : undefined,
  );
  return proxy.url;
}
