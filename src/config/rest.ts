import { jwtPayload } from "../lib/jwt-payload.ts";
import { isLocal } from "../lib/local.ts";
import type { RestAddress } from "../model/target.ts";
import type { Found, Settings } from "./settings.ts";
import { pem } from "./tls.ts";

/** Where PostgREST is; `undefined`: nothing says so, or what says so is wrong, which `settings` has collected. */
export function restOf(settings: Settings): RestAddress | undefined {
  const found = restUrl(settings);
  const url = found && checkedUrl(settings, found);
  if (found === undefined || url === undefined) return undefined;
  settings.used("rest.url", found);
  const text = (path: string): string | undefined => {
    const setting = settings.get(path);
    return setting && settings.used(path, setting);
  };
  const ca = settings.get("rest.ca");
  return {
    url,
    apiKey: apiKey(settings),
    gateway: { kind: "remote", version: "not told" },
    anonRole: text("rest.anon_role") ?? "anon",
    login: text("rest.login") ?? "authenticator",
    ...(ca && { ca: pem(settings, ca, "rest.ca") }),
  };
}

/** The file's, or the environment's: a project's URL has PostgREST below `/rest/v1`. */
export function restUrl(settings: Settings): Found | undefined {
  if (settings.has("rest.url")) return settings.get("rest.url");
  const whole = settings.variable("REST_URL");
  const project =
    settings.variable("SUPABASE_URL") ?? (whole === undefined ? settings.variable("API_URL") : undefined);
  return project === undefined ? whole : { ...project, text: `${project.text.replace(/\/+$/, "")}/rest/v1` };
}

function checkedUrl(settings: Settings, found: Found): string | undefined {
  const wrong = (message: string, hint: string): undefined =>
    settings.wrong(found, "rest.url", message, hint) as undefined;
  const url = URL.canParse(found.text) ? new URL(found.text) : undefined;
  if (url === undefined || !/^https?:$/.test(url.protocol))
    return wrong("this is not the URL of a PostgREST", "`https://…`, as far as `/rest/v1` on Supabase");
  if (url.username !== "" || url.password !== "" || url.search !== "" || url.hash !== "")
    return wrong("this URL holds a login, a query or a fragment", "the key goes into `api_key`");
  if (url.protocol === "http:" && !isLocal(url.hostname) && settings.get("rest.plain_http")?.text !== "true")
    return wrong(
      "`http://` lets anyone on the network path read the tokens and answer in PostgREST's place",
      "use `https://`, or add `plain_http: true` next to it",
    );
  if (/\.supabase\.(?:co|in|red)$/.test(url.hostname) && url.pathname === "/")
    return wrong("on Supabase, PostgREST is not at the project's URL itself", `\`${url.origin}/rest/v1\``);
  return url.href.replace(/\/+$/, "");
}

/** Supabase has its auth server under the same URL as PostgREST, hosted, self-hosted and on one's own machine alike. */
export function supabaseIssuer(url: string): string | undefined {
  return url.endsWith("/rest/v1") ? url.replace(/rest\/v1$/, "auth/v1") : undefined;
}

const keyVariables = [
  "SUPABASE_PUBLISHABLE_KEY",
  "SUPABASE_ANON_KEY",
  "PUBLISHABLE_KEY",
  "ANON_KEY",
] as const;

/** A secret key would turn a request without a token into the service role, which may do everything. */
function apiKey(settings: Settings): string | undefined {
  const found = settings.has("rest.api_key")
    ? settings.get("rest.api_key")
    : settings.variable(...keyVariables);
  if (found === undefined) return undefined;
  if (isSecretKey(found.text))
    settings.wrong(
      found,
      "rest.api_key",
      "this is a secret key, with which a request without a token acts as service_role",
      "give the publishable (or anon) key: personas bring tokens of their own",
    );
  if (/[^\x21-\x7e]/.test(found.text))
    settings.wrong(found, "rest.api_key", "this key holds a blank or a character that no header may hold");
  return settings.used("rest.api_key", found);
}

function isSecretKey(key: string): boolean {
  return key.startsWith("sb_secret_") || jwtPayload(key)?.["role"] === "service_role";
}
