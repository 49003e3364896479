import { createClient, type SupabaseClient } from "@supabase/supabase-js";
import type { Identity } from "../../model/channel.ts";
import type { RestAddress } from "../../model/target.ts";

/** A persona's client for one schema. */
export type SchemaClient = ReturnType<SupabaseClient["schema"]> & {
  /** The header that its requests carry. */
  readonly authorization: string | undefined;
};

/** supabase-js's client of each persona, made once as an app makes it: with a key, an access token and a `fetch`. */
export class Clients {
  readonly #rest: RestAddress;
  readonly #fetch: typeof globalThis.fetch;
  /** By persona, then by schema. */
  readonly #made = new Map<string, Map<string, SchemaClient>>();

  constructor(rest: RestAddress, fetch: typeof globalThis.fetch) {
    this.#rest = rest;
    this.#fetch = fetch;
  }

  of({ persona, token }: Identity, schema: string): SchemaClient {
    const own = this.#made.get(persona.name) ?? new Map<string, SchemaClient>();
    this.#made.set(persona.name, own);
    const client = own.get(schema) ?? this.withToken(token, schema);
    own.set(schema, client);
    return client;
  }

  /** Without a token the client sends its key as one, as an app does before anybody has signed in. */
  withToken(token: string | undefined, schema: string): SchemaClient {
    const { url, apiKey } = this.#rest;
    const accessToken = Promise.resolve(token ?? null);
    const bearer = token ?? apiKey;
    const client = createClient(projectOf(url), apiKey ?? noKey, {
      accessToken: () => accessToken,
      global: { fetch: sendingAs(this.#fetch, { apiKey, token }) },
      // Node 20 has no WebSocket; nothing here opens one.
      realtime: { transport: noSocket as never },
    }).schema(schema);
    return Object.assign(client, { authorization: bearer === undefined ? undefined : `Bearer ${bearer}` });
  }
}

/** The URL that supabase-js is given: it asks `<url>/rest/v1`. Transport connects to a PostgREST at another path. */
export function projectOf(restUrl: string): string {
  return new URL(restUrl).href.replace(/\/$/, "").replace(/\/rest\/v1$/, "");
}

function noSocket(): never {
  throw new Error("rowgate opens no WebSocket");
}

/** supabase-js makes no client without a key, and PostgREST itself has none. */
const noKey = "none";

/** What our `fetch` changes in the headers: here, where the client has copied them for the last time. */
function sendingAs(
  send: typeof globalThis.fetch,
  { apiKey, token }: { readonly apiKey: string | undefined; readonly token: string | undefined },
): typeof globalThis.fetch {
  return (input, init) => {
    const headers = init?.headers as Headers;
    // An answer must be the server's, and of this moment.
    headers.set("cache-control", "no-cache");
    // Plain PostgREST takes whatever is in `Authorization` for a token: without a key there is nothing to send.
    if (apiKey === undefined) {
      headers.delete("apikey");
      if (token === undefined) headers.delete("authorization");
    }
    return send(input, init);
  };
}
