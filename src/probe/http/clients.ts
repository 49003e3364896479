import { PostgrestClient } from "@supabase/postgrest-js";
import type { Identity } from "../../model/channel.ts";
import type { RestAddress } from "../../model/target.ts";

/** A client whose schema is known at run time only. */
export type AnyClient = Pick<PostgrestClient, "from" | "rpc">;

/** The PostgREST client of each persona and schema, made once. */
export class Clients {
  readonly #rest: RestAddress;
  readonly #fetch: typeof globalThis.fetch;
  readonly #made = new Map<string, AnyClient>();

  constructor(rest: RestAddress, fetch: typeof globalThis.fetch) {
    this.#rest = rest;
    this.#fetch = fetch;
  }

  of({ persona, token }: Identity, schema: string): AnyClient {
    const key = JSON.stringify([persona.name, schema]);
    const client = this.#made.get(key) ?? this.withToken(token, schema);
    this.#made.set(key, client);
    return client;
  }

  withToken(token: string | undefined, schema: string): AnyClient {
    const { url, apiKey } = this.#rest;
    const headers = {
      // An answer is to be the server's, and of this moment.
      "cache-control": "no-cache",
      // Supabase's gateway wants its key in every request; PostgREST itself does not look at it.
      ...(apiKey === undefined ? {} : { apikey: apiKey }),
      ...(token === undefined ? {} : { authorization: `Bearer ${token}` }),
    };
    return new PostgrestClient(url, { headers, schema, fetch: this.#fetch, retry: false });
  }
}
