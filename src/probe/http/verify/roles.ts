import { mapLimited } from "../../../lib/limiter.ts";
import { readSql } from "../../../lib/sql-file.ts";
import type { QualifiedName } from "../../../lib/sql-text.ts";
import { isCode } from "../../../model/answers.ts";
import type { Cell } from "../../../model/cell.ts";
import type { Identity } from "../../../model/channel.ts";
import type { Answer, Failure } from "../../../model/observation.ts";
import { Caller } from "../caller.ts";
import { callerOfCall } from "../calls.ts";
import type { Clients } from "../clients.ts";
import { failureOf } from "../failure.ts";
import type { HttpClient } from "../http-client.ts";
import type { PrivilegedConnection } from "../privileged.ts";
import { describeAnswer } from "../reply.ts";

/** A relation to which a harmless request can be sent as a role. */
export interface Place extends QualifiedName {
  readonly role: string;
  /** The role holds USAGE on the schema. */
  readonly usage: boolean;
  /** A column that the role may read. */
  readonly readable: string | null;
  /** A column whose type refuses most texts. */
  readonly typed: string | null;
}

const placesOfEachRole = 12;

interface SqlPlace extends Omit<Place, "name"> {
  readonly relation: string;
}

/** Throws ProbeFailure. */
export async function findPlaces(
  privileged: PrivilegedConnection,
  schemas: readonly string[],
  roles: readonly string[],
): Promise<Place[]> {
  const values = [schemas, roles, placesOfEachRole];
  const found = await privileged.inSnapshot((ask) => ask<SqlPlace>(readSql("sight_places.sql"), values));
  return found.map(({ relation, ...place }) => ({ ...place, name: relation }));
}

export interface RoleCheckInput {
  readonly clients: Clients;
  readonly http: HttpClient;
  readonly identities: readonly Identity[];
  readonly places: readonly Place[];
  /** Declared calls that should go through, asked for where no relation can tell. */
  readonly calls: () => readonly Cell[];
  readonly concurrency: number;
}

/** Personas whose answers cannot be believed, and why. */
export async function checkPersonas(input: RoleCheckInput): Promise<ReadonlyMap<string, Failure>> {
  const checked = await mapLimited(input.identities, input.concurrency, async (identity) => {
    const failure = await checkPersona(input, identity).catch(failureOf);
    return failure === undefined ? [] : [[identity.persona.name, failure] as const];
  });
  return new Map(checked.flat());
}

/**
 * Is the persona's role switched to at all? A role that the gateway's login may not become is refused with 42501, as a
 * missing grant is, and every cell would look denied. A value that does not fit its column is refused (22P02) after the
 * switch and before any privilege of the relation is looked at.
 */
async function checkPersona(input: RoleCheckInput, identity: Identity): Promise<Failure | undefined> {
  const { name, role } = identity.persona;
  const own = input.places.filter((place) => place.role === role);
  const inReach = own.filter(({ usage, typed, readable }) => usage && (typed ?? readable) !== null);
  // Without USAGE on any schema the role is denied everything by the catalogue already, switched to or not.
  if (own.length > 0 && own.every(({ usage }) => !usage)) return undefined;
  const answers: Answer[] = [];
  for (const place of inReach) {
    const answer = await askAsPersona(input, identity, place);
    const meaning = meaningOf(answer, place);
    if (meaning === "shown") return undefined;
    answers.push(answer);
    if (meaning === "refused") break;
  }
  // Where every relation's policies recurse, each cell must say so itself.
  // Raised when Postgres puts the policies into the statement, which it reads after the switch.
  if (answers.some(({ code }) => isCode(code, "recursion"))) return undefined;
  if (answers.length === 0 && (await goesThrough(input, identity))) return undefined;
  const last = answers.at(-1);
  const found = last === undefined ? noPlace : `it answered ${describeAnswer(last)}`;
  return {
    kind: "protocol",
    message: `nothing shows that the gateway switches to the role ${role} of persona ${name}: ${found}`,
  };
}

const noPlace =
  "there is no relation to ask for, and none of its declared calls (stable or immutable, and allowed) succeeded";

/** A call that went through was made as the persona's role. */
async function goesThrough({ clients, http, calls }: RoleCheckInput, identity: Identity): Promise<boolean> {
  for (const cell of calls().filter(({ persona }) => persona.name === identity.persona.name)) {
    const client = clients.of(identity, cell.relation.info.schema);
    if ((await callerOfCall(client, http, cell).run()).answer.code === null) return true;
  }
  return false;
}

/**
 * `shown`: nothing more to ask. `refused`: a privilege was looked at where a type error comes first, so it was not the
 * relation's. `silent`: the gateway does not know the relation, or its policies fail (they recurse, they divide by
 * zero, they read what the role may not read): another one may do.
 */
function meaningOf({ code }: Answer, { typed }: Place): "shown" | "refused" | "silent" {
  // A refused token is a separate answer, which each cell will show.
  if (isCode(code, "token")) return "shown";
  const shown = typed === null ? code === null : isCode(code, "data") && !isCode(code, "unknownRole");
  if (shown) return "shown";
  return typed !== null && isCode(code, "insufficientPrivilege") ? "refused" : "silent";
}

async function askAsPersona(input: RoleCheckInput, identity: Identity, place: Place): Promise<Answer> {
  const caller = new Caller(input.clients.of(identity, place.schema), input.http, {
    ...place,
    columns: [],
  });
  const columns = [place.typed ?? place.readable ?? ""];
  const unfit = { kind: "row", columns, key: ["no such value"] } as const;
  const { answer } = await caller.read({
    columns,
    filter: place.typed === null ? everyRow : unfit,
    limit: 1,
  });
  return answer;
}

const everyRow = { kind: "none" } as const;
