import { z } from "zod";
import { shapeWords } from "../yaml/check-shape.ts";
import { sslmodes } from "./libpq.ts";
import {
  type BaselineName,
  baselineNames,
  type DefaultPrivileges,
  defaultPrivileges,
} from "../model/baseline.ts";
import type { Writes } from "../model/target.ts";

/**
 * What `rowgate.yaml` may say, defined once: the file is validated with it, and the JSON Schema for editors is made of it.
 */
const variable = /^\$\{[A-Za-z_][A-Za-z0-9_]*\}$/;

// Written out, a secret has been in a file, in its history and on screens.
const writtenOut =
  "a secret is only named here, as `${VARIABLE}`; this one has been written out: revoke it, and export its successor";

const secret: z.ZodString = z.string().regex(variable, writtenOut);
/** Only secrets come from the environment: whatever else differs between targets can be read here. */
const plain: z.ZodString = z
  .string()
  .regex(/\S/, "must not be empty")
  .regex(/^(?!.*\$\{)/s, "only secrets are taken from the environment: write it out");

const databaseUrl = z
  .string()
  .regex(
    /^(?:\$\{[A-Za-z_][A-Za-z0-9_]*\}|postgres(?:ql)?:\/\/\S+)$/,
    "must be `postgresql://…`, or `${VARIABLE}` for one",
  )
  .regex(/^(?!postgres(?:ql)?:\/\/[^/@\s]*:[^/@\s]+@)(?!.*[?&]password=)/, writtenOut);

const restUrl = z
  .string()
  .regex(/^https?:\/\/[^\s]+$/, "must be `https://…`, as far as `/rest/v1` on Supabase")
  .regex(/^https?:\/\/[^/@\s]+(?:\/[^\s?#]*)?$/, "must not hold a login, a query or a fragment");

const milliseconds = z.int("must be a whole number of milliseconds").min(1).max(86_400_000);

const database = z
  .strictObject({
    url: databaseUrl
      .optional()
      .describe("`${VARIABLE}` that holds the URL, or the URL without its password."),
    host: plain.optional().describe("Name, address, or folder of the server's socket."),
    port: z
      .int("must be a whole number")
      .min(1, "must be from 1 to 65535")
      .max(65_535, "must be from 1 to 65535")
      .optional(),
    name: plain.optional().describe("The database's name."),
    user: plain.optional().describe("A role with BYPASSRLS (on Supabase: postgres)."),
    password: secret
      .optional()
      .describe("`${VARIABLE}`; without one PGPASSWORD and the password file are asked."),
    service: plain.optional().describe("A service of pg_service.conf."),
    sslmode: z.enum(sslmodes).optional(),
    sslrootcert: plain
      .optional()
      .describe("The authority's certificate (PEM), from this file's folder; `system`: Node's own."),
    sslcert: plain.optional().describe("A certificate to log in with (PEM)."),
    sslkey: plain.optional().describe("Its key (PEM)."),
    options: plain.optional().describe("More startup options, as `-c name=value`."),
  })
  .meta({ id: "database" });

const rest = z
  .strictObject({
    url: restUrl.optional().describe("PostgREST's address; on Supabase it ends in `/rest/v1`."),
    plain_http: z
      .boolean()
      .optional()
      .describe(
        "Allows `http://` to another machine, where anyone on the network path can read every token.",
      ),
    api_key: secret
      .optional()
      .describe("`${VARIABLE}`: what Supabase wants in `apikey`, publishable or anon."),
    anon_role: plain.optional().describe("PostgREST's db-anon-role; default: anon."),
    login: plain.optional().describe("The role that PostgREST logs in as; default: authenticator."),
    ca: plain.optional().describe("The authority's certificate (PEM), where Node does not know it."),
  })
  .meta({ id: "rest" });

const jwt = z
  .strictObject({
    secret: secret.optional().describe("`${VARIABLE}` that holds the HS256 secret."),
    private_key: secret
      .optional()
      .describe("`${VARIABLE}` that holds an RS256 or ES256 private key, PEM or JWK."),
    key_id: plain.optional().describe("`kid` of the tokens, where a JWK does not say it."),
  })
  .meta({ id: "jwt" });

const limits = z
  .strictObject({
    statement_timeout: milliseconds.optional(),
    lock_timeout: milliseconds.optional(),
    idle_in_transaction_session_timeout: milliseconds.optional(),
    request_timeout: milliseconds.optional(),
  })
  .meta({ id: "limits", description: "Milliseconds." });

const target = z
  .strictObject({
    posture: z
      .enum(["staging", "production"])
      .describe(
        "staging: writes are undone. production: nothing is written, and nothing that could write is sent.",
      ),
    database: database
      .optional()
      .describe("Without it: the environment's (SUPABASE_DB_URL, DATABASE_URL, PGHOST…)."),
    rest: rest.optional().describe("PostgREST in front of the database."),
    jwt: jwt.optional().describe("How tokens are signed."),
    schemas: z
      .array(plain)
      .min(1)
      .optional()
      .describe("What PostgREST exposes; default: the matrix's `exposes`."),
    pre_request: z
      .string()
      .regex(/^[^.\s]+\.[^.\s]+$/, "must be `schema.function`")
      .optional()
      .describe("PostgREST's db-pre-request, as `schema.function`."),
    writes: z
      .enum(["none", "rollback", "commit"])
      .optional()
      .describe(
        "none: no write is sent. rollback (default): all are undone. commit: where the gateway undoes none, writes through it touch rows that the run itself has made, which are removed.",
      ),
    limits: limits.optional(),
  })
  .meta({ id: "target" });

const config = z
  .strictObject({
    production_urls: z
      .array(plain)
      .optional()
      .describe("Patterns of hosts that are production, whatever a target says (`*.live.example.com`)."),
    chain_origin: z
      .string()
      .regex(/^[^\s+]+$/, "must have no spaces and no `+`")
      .regex(/^(?!\w+:\/\/)/, "must be without `https://`: it is a name, such as `example.org/rowgate/shop`")
      .optional()
      .describe(
        "Names the chain of archives in `logs/checkpoint`: a domain of yours and a path (`example.org/rowgate/shop`); default: rowgate-runs.",
      ),
    baseline: z
      .enum(baselineNames)
      .optional()
      .describe(
        "What the embedded database holds before your SQL (`--baseline`); default: as the SQL looks.",
      ),
    default_privileges: z
      .enum(defaultPrivileges)
      .optional()
      .describe(
        "Supabase: what new tables give to API roles (`--default-privileges`). legacy: everything; none: automatic exposure is off; as-captured: as on the target that `rowgate capture` read.",
      ),
    targets: z
      .record(
        z
          .string()
          .regex(/^[A-Za-z_][A-Za-z0-9_.-]*$/, "a target's name is made of letters, digits and _ . -"),
        target,
      )
      .register(shapeWords, { entry: "target", keys: "a target" })
      .optional()
      .describe("Named targets: `rowgate run --target <name>`."),
  })
  .meta({ title: "rowgate configuration" });

/** Written out and checked against the shape below: an exported type must be explicit. */
export interface TargetEntry {
  readonly posture: "staging" | "production";
  readonly database?: Keys<DatabaseKey, string | number> | undefined;
  readonly rest?:
    | Keys<"url" | "plain_http" | "api_key" | "anon_role" | "login" | "ca", string | boolean>
    | undefined;
  readonly jwt?: Keys<"secret" | "private_key" | "key_id", string> | undefined;
  readonly schemas?: readonly string[] | undefined;
  readonly pre_request?: string | undefined;
  readonly writes?: Writes | undefined;
  readonly limits?: Keys<LimitKey, number> | undefined;
}

type Keys<Key extends string, Value> = { readonly [K in Key]?: Value | undefined };
type DatabaseKey =
  | "url"
  | "host"
  | "port"
  | "name"
  | "user"
  | "password"
  | "service"
  | "sslmode"
  | "sslrootcert"
  | "sslcert"
  | "sslkey"
  | "options";
type LimitKey =
  | "statement_timeout"
  | "lock_timeout"
  | "idle_in_transaction_session_timeout"
  | "request_timeout";

export interface Config {
  readonly baseline?: BaselineName | undefined;
  readonly default_privileges?: DefaultPrivileges | undefined;
  readonly production_urls?: readonly string[] | undefined;
  readonly chain_origin?: string | undefined;
  readonly targets: Readonly<Record<string, TargetEntry>>;
}

/** `targets` may be left out. */
export const configShape: z.ZodType<
  Omit<Config, "targets"> & { readonly targets?: Config["targets"] | undefined }
> = config;

/** The text of `rowgate.schema.json`. Draft 7, since that is what every YAML editor reads. */
export function configJsonSchema(): string {
  return `${JSON.stringify(z.toJSONSchema(configShape, { io: "input", target: "draft-7" }), null, 2)}\n`;
}
