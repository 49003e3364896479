import { isCode } from "../../../model/answers.ts";
import type { Answer } from "../../../model/observation.ts";
import type { QualifiedName } from "../../../lib/sql-text.ts";
import type { Target } from "../../../model/target.ts";
import { readSql } from "../../../lib/sql-file.ts";
import { Caller } from "../caller.ts";
import type { Clients } from "../clients.ts";
import type { HttpClient } from "../http-client.ts";
import type { PrivilegedConnection } from "../privileged.ts";
import { signedFor } from "./tokens.ts";

/** The role that the gateway uses for a request without a token, compared with the target's (PostgREST's `db-anon-role`). */
export type AnonymousFacts =
  | { readonly kind: "as declared" | "not shown" }
  /** It refuses such requests (PGRST302). */
  | { readonly kind: "disabled" }
  /** `undefined`: which role could not be determined. */
  | { readonly kind: "another"; readonly role: string | undefined };

export interface AnonymousInput {
  readonly clients: Clients;
  readonly http: HttpClient;
  readonly privileged: PrivilegedConnection;
  readonly target: Target;
}

/** A relation that a role may read, by one of its columns, or may not read at all. */
interface Place extends QualifiedName {
  readonly role: string;
  readonly readable: string | null;
}

/**
 * As whom does the gateway serve a request that brings no token? PostgREST answers a refusal (42501) with 401 where the role
 * is that of `db-anon-role`, and with 403 where it is another, also when a token names it: so a token for the role that it
 * should be is answered like no token, or it is not that role. A proxy in front may add a token (Supabase's
 * does): then the two are alike as well. Sends GETs for relations that the asking role may not read, or one row of those it
 * may. Throws ProbeFailure.
 */
export async function askAnonymous(input: AnonymousInput): Promise<AnonymousFacts> {
  const { rest, preRequest } = input.target;
  const declared = rest?.anonRole ?? "";
  for (const place of await findPlaces(input, declared, undefined)) {
    const nobody = await ask(input, place, undefined);
    if (isCode(nobody.code, "tokenWanted")) return { kind: "disabled" };
    const token = tokenOf(input, declared);
    const meant = token === undefined ? undefined : await ask(input, place, token);
    // A function that is called before each request may refuse some for what their claims hold.
    const told =
      place.readable === null
        ? ofUnreadable(nobody, meant)
        : preRequest === undefined && differ(nobody, meant);
    if (told === "alike") return { kind: "as declared" };
    if (told === "other" || told === true) return { kind: "another", role: await whoElse(input, declared) };
  }
  return { kind: "not shown" };
}

function ofUnreadable(nobody: Answer, meant: Answer | undefined): "alike" | "other" | undefined {
  if (isRefused(nobody) && isRefused(meant))
    return nobody.http?.status === meant?.http?.status ? "alike" : "other";
  // Without a key it is the catalogue alone that says what the role may not read.
  return nobody.code === null && (meant === undefined || isRefused(meant)) ? "other" : undefined;
}

function differ(nobody: Answer, meant: Answer | undefined): boolean {
  return (nobody.code === null && isRefused(meant)) || (isRefused(nobody) && meant?.code === null);
}

function isRefused(answer: Answer | undefined): boolean {
  return isCode(answer?.code, "insufficientPrivilege");
}

/** The role whose refusals equal those without a token; or the one that is left when all others differ. */
async function whoElse(input: AnonymousInput, declared: string): Promise<string | undefined> {
  const places = await findPlaces(input, declared, input.target.rest?.login);
  const left: string[] = [];
  for (const role of new Set(places.map((one) => one.role))) {
    if (role === declared) continue;
    const own = places.filter((one) => one.role === role);
    const is = await isNobody(input, own);
    if (is === true) return role;
    if (is === undefined) left.push(role);
  }
  return left.length === 1 ? left[0] : undefined;
}

/** `undefined`: nothing was refused to it, and it saw as much as a request without a token. */
async function isNobody(input: AnonymousInput, places: readonly Place[]): Promise<boolean | undefined> {
  for (const place of places) {
    const token = tokenOf(input, place.role);
    if (token === undefined) return undefined;
    const answer = await ask(input, place, token);
    if (place.readable === null && isRefused(answer)) return answer.http?.status === 401;
    const nobody = await ask(input, place, undefined);
    if (answer.code !== nobody.code || answer.rows !== nobody.rows) return false;
  }
  return undefined;
}

function tokenOf({ target: { signingKey } }: AnonymousInput, role: string): string | undefined {
  return signingKey && signedFor(role, signingKey);
}

async function ask(
  { clients, http }: AnonymousInput,
  place: Place,
  token: string | undefined,
): Promise<Answer> {
  const caller = new Caller(clients.withToken(token, place.schema), http, { ...place, columns: [] });
  const columns = place.readable === null ? [] : [place.readable];
  return (await caller.read({ columns, limit: 1 })).answer;
}

const placesOfAKind = 4;

async function findPlaces(
  { privileged, target }: AnonymousInput,
  declared: string,
  login: string | undefined,
): Promise<readonly Place[]> {
  const values = [target.schemas, declared, login ?? null, placesOfAKind];
  const found = await privileged.inSnapshot((look) =>
    look<Omit<Place, "name"> & { relation: string }>(readSql("sight_anonymous.sql"), values),
  );
  return found.map(({ relation, ...place }) => ({ ...place, name: relation }));
}
