import picomatch from "picomatch";
import { isLocal } from "../lib/local.ts";
import { type DatabasePlace, layersOf, placeOf } from "./database.ts";
import type { Variables } from "./libpq.ts";
import type { ConfigFile } from "./file.ts";
import { restUrl } from "./rest.ts";
import { Settings } from "./settings.ts";

/** Where a target leads, as far as it is known: what two targets can have in common. */
interface Leads {
  /** Hosts, `host/database`, and PostgREST's URL without its scheme. */
  readonly places: readonly string[];
  /** Names of Supabase projects. */
  readonly refs: readonly string[];
  readonly database: string | undefined;
  readonly rest: string | undefined;
}

/** Labels in the names of production hosts; `production_urls` replaces them. */
const looksLive = /(?<!(?:non|pre)-?)(?:^|[.-])(?:prod|production|live)(?:[.-]|$)/;

/** Why a target of another posture looks like production; `undefined`: it does not. */
export function looksLikeProduction(
  file: ConfigFile,
  name: string,
  variables: Variables,
): string | undefined {
  const { production_urls: patterns, targets } = file.config;
  const own = leadsOf(file, name, variables);
  const match =
    patterns === undefined ? undefined : picomatch([...patterns], { dot: true, nocase: true, bash: true });
  const place = own.places.find((one) => (match === undefined ? looksLive.test(hostOf(one)) : match(one)));
  if (place !== undefined)
    return patterns === undefined
      ? `the name ${hostOf(place)} says that it is production`
      : `${place} matches production_urls`;
  for (const [other, { posture }] of Object.entries(targets)) {
    if (posture !== "production" || other === name) continue;
    const theirs = leadsOf(file, other, variables);
    const ref = own.refs.find((one) => theirs.refs.includes(one));
    if (ref !== undefined) return `the Supabase project ${ref} is that of ${other}, which is production`;
    if (own.database !== undefined && own.database === theirs.database)
      return `the database ${own.database} is that of ${other}, which is production`;
    if (own.rest !== undefined && own.rest === theirs.rest)
      return `${own.rest} is the PostgREST of ${other}, which is production`;
  }
  return undefined;
}

function hostOf(place: string): string {
  return place.split(/[/:]/)[0] ?? "";
}

/** Without reports: mistakes in the chosen target are reported elsewhere, and those in others do not matter. */
function leadsOf(file: ConfigFile, name: string, variables: Variables): Leads {
  const settings = new Settings(file, name, variables);
  const layers = layersOf(settings);
  const at =
    layers.host === undefined
      ? undefined
      : placeOf(settings, { ...layers, user: layers.user ?? layers.host });
  const found = restUrl(settings)?.text;
  const url = found !== undefined && URL.canParse(found) ? new URL(found) : undefined;
  const host = at === undefined ? undefined : even(at.host);
  const database = at && `${isLocal(at.host) ? `${host}:${at.port}` : host}/${at.database}`;
  const rest = url && `${even(url.hostname)}${portOf(url)}${url.pathname.replace(/\/+$/, "")}`;
  const hosts = [...(host === undefined ? [] : [host]), ...(url === undefined ? [] : [even(url.hostname)])];
  const refs = [
    ...hosts.map(refOfHost),
    host?.endsWith(".pooler.supabase.com") === true ? refOfUser(at?.user) : undefined,
  ];
  return {
    places: [...hosts, ...(at === undefined ? [] : spellings(at)), ...(rest === undefined ? [] : [rest])],
    refs: refs.filter((ref) => ref !== undefined),
    database,
    rest,
  };
}

/** `host/database`, with its port and without, and this machine by any of its names: a pattern holds one of them. */
function spellings({ host, port, database }: DatabasePlace): readonly string[] {
  return [...new Set([even(host), host.toLowerCase()])].flatMap((name) => [
    name,
    `${name}/${database}`,
    `${name}:${port}/${database}`,
  ]);
}

function portOf({ port }: URL): string {
  return port === "" ? "" : `:${port}`;
}

function even(host: string): string {
  return isLocal(host) && !host.startsWith("/") ? "localhost" : host.toLowerCase().replace(/\.$/, "");
}

function refOfHost(host: string): string | undefined {
  return /^(?:db\.)?([a-z0-9]+)\.supabase\.(?:co|in|red)$/.exec(host)?.[1];
}

/** A pooler's login names the project: `postgres.<ref>`. */
function refOfUser(user: string | undefined): string | undefined {
  return user === undefined ? undefined : /\.([a-z0-9]+)$/.exec(user)?.[1];
}
