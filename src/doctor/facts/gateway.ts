import { isCode } from "../../model/answers.ts";
import type { Catalog, RelationInfo } from "../../model/catalog.ts";
import type { Identity } from "../../model/channel.ts";
import {
  type GatewayFacts,
  speaks,
  type SpeakingGateway,
  type Visit,
} from "../../model/examination-gateway.ts";
import type { Target } from "../../model/target.ts";
import type { QualifiedName } from "../../lib/sql-text.ts";
import { mapLimited } from "../../probe/http/limit.ts";
import { askForRelations, type Cache, pathOf } from "./cache.ts";
import { linkFailure } from "./link.ts";
import { meet } from "./meeting.ts";
import { askAboutTokens } from "./tokens.ts";
import { Visitor } from "./visitor.ts";

export interface GatewayQuestions {
  readonly target: Target;
  /** Personas that go through the gateway, signed in. */
  readonly identities: readonly Identity[];
  /** `undefined`: the database was not reached. */
  readonly catalog: Catalog | undefined;
  readonly clock: () => number;
}

const atOnce = 6;

/** What a run would meet at the gateway. Sends nothing but GET. */
export async function examineGateway(questions: GatewayQuestions): Promise<GatewayFacts | undefined> {
  const { target, clock } = questions;
  const { rest, limits } = target;
  if (rest === undefined) return undefined;
  const visitor = new Visitor({
    url: rest.url,
    apiKey: rest.apiKey,
    ca: rest.ca,
    patienceMs: limits.requestTimeoutMs,
    clock,
  });
  try {
    // Tokens are for PostgREST alone.
    const first = await visitor.get(pathOf(nowhere));
    return speaks(first)
      ? { kind: "speaking", first, ...(await askAll(visitor, rest.url, questions)) }
      : { kind: "silent", first };
  } catch (error) {
    return { kind: "unreached", failure: linkFailure(error) };
  } finally {
    await visitor.close();
  }
}

/** A name that no relation has: who looks at keys and tokens does so before it looks for a relation. */
const nowhere: QualifiedName = { schema: "", name: "rowgate_doctor" };

type Asked = Omit<SpeakingGateway, "kind" | "first">;

async function askAll(visitor: Visitor, url: string, questions: GatewayQuestions): Promise<Asked> {
  const { target, identities, catalog, clock } = questions;
  const schemas = await askForSchemas(visitor, target.schemas);
  const exposed = target.schemas.filter((schema) => !isCode(schemas.get(schema)?.code, "schemaNotExposed"));
  const relations = catalog?.relations.filter(({ schema }) => exposed.includes(schema)) ?? [];
  const cache = await askCache(visitor, relations, identities);
  const place = cache.known ?? nowhere;
  const ask = (token: string | undefined): Promise<Visit> =>
    visitor.get(pathOf(place), { token, schema: place.schema === "" ? undefined : place.schema });
  const tokens = await askAboutTokens({ visitor, url, key: target.signingKey, identities, ask, clock });
  const personas = await askAsPersonas(identities, ask);
  const known = knownColumn(cache, relations);
  const token = takenToken(identities, personas);
  const met = await meet({ visitor, target, identities, exposed, known, token });
  return { schemas, cache, tokens, personas, ...met };
}

function takenToken(
  identities: readonly Identity[],
  answers: ReadonlyMap<string, Visit>,
): string | undefined {
  const isTaken = ({ persona }: Identity): boolean => {
    const code = answers.get(persona.name)?.code;
    return answers.has(persona.name) && !isCode(code, "token");
  };
  return identities.find(isTaken)?.token;
}

async function askForSchemas(
  visitor: Visitor,
  schemas: readonly string[],
): Promise<ReadonlyMap<string, Visit>> {
  const answers = await mapLimited(schemas, atOnce, async (schema) => {
    const answer = await visitor.get(pathOf(nowhere), { schema });
    return [schema, answer] as const;
  });
  return new Map(answers);
}

/** Without a token; where nobody may come without one, as a persona. */
async function askCache(
  visitor: Visitor,
  relations: readonly RelationInfo[],
  identities: readonly Identity[],
): Promise<Cache> {
  const asWhom = (token: string | undefined) => (relation: QualifiedName) =>
    visitor.get(pathOf(relation), { token, schema: relation.schema });
  const anonymous = await askForRelations(relations, asWhom(undefined));
  if (anonymous.asked > 0 || relations.length === 0) return anonymous;
  const token = identities.find((one) => one.token !== undefined)?.token;
  return token === undefined ? anonymous : await askForRelations(relations, asWhom(token));
}

async function askAsPersonas(
  identities: readonly Identity[],
  ask: (token: string) => Promise<Visit>,
): Promise<ReadonlyMap<string, Visit>> {
  const answers = await mapLimited(identities, atOnce, async ({ persona, token }) =>
    token === undefined ? [] : [[persona.name, await ask(token)] as const],
  );
  return new Map(answers.flat());
}

function knownColumn(
  { known }: Cache,
  relations: readonly RelationInfo[],
): { readonly relation: QualifiedName; readonly column: string } | undefined {
  const info = relations.find(({ schema, name }) => schema === known?.schema && name === known.name);
  const [column] = info?.columns ?? [];
  return info === undefined || column === undefined ? undefined : { relation: info, column: column.name };
}
