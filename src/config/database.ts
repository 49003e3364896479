import type { DatabaseAddress } from "../model/target.ts";
import { didYouMean, listNames, nearest } from "../lib/nearest.ts";
import { type Part, parsePostgresUrl, parts, passwordFromFile, readService, serviceFiles } from "./libpq.ts";
import type { Found, Settings } from "./settings.ts";
import { tlsOf } from "./tls.ts";

type Layer = Readonly<Partial<Record<Part, Found>>>;

/** libpq's part → its key in the file. */
const keys: Readonly<Record<Part, string>> = {
  host: "host",
  port: "port",
  dbname: "name",
  user: "user",
  password: "password",
  sslmode: "sslmode",
  sslrootcert: "sslrootcert",
  sslcert: "sslcert",
  sslkey: "sslkey",
  options: "options",
};

const variables: Readonly<Record<Part, string>> = {
  host: "PGHOST",
  port: "PGPORT",
  dbname: "PGDATABASE",
  user: "PGUSER",
  password: "PGPASSWORD",
  sslmode: "PGSSLMODE",
  sslrootcert: "PGSSLROOTCERT",
  sslcert: "PGSSLCERT",
  sslkey: "PGSSLKEY",
  options: "PGOPTIONS",
};

const urlVariables = ["SUPABASE_DB_URL", "DATABASE_URL", "DB_URL"] as const;

/** Any of them says where a database is. */
export const databaseVariables: readonly string[] = [...urlVariables, "PGSERVICE", "PGHOST"];

/** Where a target's database is, without what it takes to get in: to compare targets by. */
export interface DatabasePlace {
  readonly host: string;
  readonly port: number;
  readonly database: string;
  readonly user: string;
}

/** Everything that is known of a target's database: first its keys, then its URL or service, then the environment. */
export function layersOf(settings: Settings): Layer {
  const own = layer((part) => settings.get(`database.${keys[part]}`));
  const url = settings.get("database.url");
  const service = settings.get("database.service");
  const named = ["url", "service", "host"].some((key) => settings.has(`database.${key}`));
  const fromUrl = url === undefined ? undefined : urlLayer(settings, url);
  const fromService = service === undefined ? undefined : serviceLayer(settings, service);
  const outside = named ? {} : environmentLayer(settings);
  const rest = layer((part) =>
    named && !secures.has(part) ? undefined : settings.variable(variables[part]),
  );
  return { ...rest, ...outside, ...fromService, ...fromUrl, ...own };
}

/** All that the environment may add where the file says which database it is: PGPORT would lead to another one. */
const secures: ReadonlySet<Part> = new Set(["password", "sslmode", "sslrootcert", "sslcert", "sslkey"]);

/** Where nothing in the file says which database: what tools around Supabase and libpq look at. */
function environmentLayer(settings: Settings): Layer {
  const url = settings.variable(...urlVariables);
  if (url !== undefined) return urlLayer(settings, url);
  const service = settings.variable("PGSERVICE");
  return service === undefined ? {} : serviceLayer(settings, service);
}

function urlLayer(settings: Settings, url: Found): Layer {
  const read = parsePostgresUrl(url.text);
  if (!("problem" in read))
    return layer((part) => (read[part] === undefined ? undefined : { ...url, text: read[part] }));
  settings.wrong(url, "database.url", read.problem, read.hint);
  return {};
}

function serviceLayer(settings: Settings, name: Found): Layer {
  const files = serviceFiles(settings.variables);
  const { service, known } = readService(name.text, files);
  if (service !== undefined)
    return layer((part) => service[part] && { text: service[part].text, from: service[part].from });
  const meant = didYouMean(nearest(name.text, known));
  settings.wrong(
    name,
    "database.service",
    `no service \`${name.text}\` in ${files.join(" or ") || "any file"}${meant}`,
    known.length === 0 ? "PGSERVICEFILE names the file" : `services: ${listNames(known)}`,
  );
  return {};
}

/** `undefined`: something is missing, which has been reported if `settings` reports. */
export function placeOf(settings: Settings, layers: Layer): DatabasePlace | undefined {
  const { host, port, dbname, user } = layers;
  if (settings.issues.length > 0 && host === undefined) return undefined;
  if (host === undefined || user === undefined) {
    const missing = host === undefined ? "database" : "user";
    settings.report(
      settings.place("database"),
      "no-database",
      host === undefined
        ? `no database is configured for \`${settings.name}\``
        : `no database user is configured for \`${settings.name}\``,
      missing === "database"
        ? `add \`database: { url: … }\` here, or set one of ${databaseVariables.join(", ")}`
        : "add `user:`, or name one in the URL: a role with BYPASSRLS",
    );
    return undefined;
  }
  const number = port === undefined ? 5432 : Number(port.text);
  if (!Number.isInteger(number) || number < 1 || number > 65_535) {
    if (port !== undefined)
      settings.wrong(port, "database.port", "the port must be a number from 1 to 65535");
    return undefined;
  }
  return { host: host.text, port: number, database: dbname?.text ?? user.text, user: user.text };
}

/** How to log in. @returns `undefined` when something is wrong, which `settings` has collected */
export async function databaseOf(settings: Settings): Promise<DatabaseAddress | undefined> {
  const layers = layersOf(settings);
  const place = placeOf(settings, layers);
  if (place === undefined) return undefined;
  for (const part of ["host", "port", "dbname", "user", "options"] as const)
    if (layers[part] !== undefined) settings.used(`database.${keys[part]}`, layers[part]);
  const tls = tlsOf(settings, place.host, layers);
  const password = await passwordOf(settings, place, layers.password);
  return { ...place, password, tls, options: layers.options?.text };
}

async function passwordOf(
  settings: Settings,
  place: DatabasePlace,
  found: Found | undefined,
): Promise<string> {
  if (found !== undefined) return settings.used("database.password", found);
  const { password, warning } = await passwordFromFile(place);
  if (warning !== undefined)
    settings.report(
      settings.place("database"),
      "password-file",
      warning,
      "libpq would not read it either: chmod 600",
    );
  return password === undefined
    ? ""
    : settings.used("database.password", { text: password, from: "the password file" });
}

function layer(find: (part: Part) => Found | undefined): Layer {
  return Object.fromEntries(
    parts.flatMap((part) => {
      const found = find(part);
      return found === undefined ? [] : [[part, found]];
    }),
  );
}
