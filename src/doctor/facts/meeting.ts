import type { Identity } from "../../model/channel.ts";
import type { HandshakeFacts, SpeakingGateway, SamenessFacts } from "../../model/examination-gateway.ts";
import { addressOf, readsOnly } from "../../model/posture.ts";
import type { QualifiedName } from "../../lib/sql-text.ts";
import type { Target } from "../../model/target.ts";
import { askAnonymous } from "../../probe/http/verify/anonymous.ts";
import { Clients } from "../../probe/http/clients.ts";
import { shakeHands } from "../../probe/http/verify/gateway-checks.ts";
import { findPlaces, type Place } from "../../probe/http/verify/places.ts";
import { Sender } from "../../probe/http/sender.ts";
import { Sight } from "../../probe/http/privileged.ts";
import { Transport } from "../../probe/http/transport.ts";
import { askWhetherSame } from "./sameness.ts";
import type { Visitor } from "./visitor.ts";

export interface MeetingQuestions {
  readonly visitor: Visitor;
  readonly target: Target;
  readonly identities: readonly Identity[];
  /** Schemas that the gateway exposes. */
  readonly exposed: readonly string[];
  /** A relation that the gateway knows, and a column of it; `undefined`: none, or the database was not reached. */
  readonly known: { readonly relation: QualifiedName; readonly column: string } | undefined;
  /** One that the gateway took; `undefined`: none. */
  readonly token: string | undefined;
}

type Met = Pick<SpeakingGateway, "handshake" | "sameness">;

const unmet: Met = { handshake: undefined, sameness: { seen: "unsent", row: undefined } };

/** What both sides together show: a run's own handshake, and whether they answer for one database. */
export async function meet(questions: MeetingQuestions): Promise<Met> {
  const { target, identities, exposed, known } = questions;
  if (known === undefined) return unmet;
  const sight = new Sight(addressOf(target), target.limits);
  try {
    const roles = [...new Set(identities.map(({ persona }) => persona.role))];
    const places = await findPlaces(sight, exposed, roles);
    return {
      sameness: await sameness(questions, known, places, sight),
      handshake: await handshake(questions, places, sight),
    };
  } finally {
    await sight.close();
  }
}

/** As a run shakes hands, and nothing else can leave than GET. */
async function handshake(
  { target, identities, exposed }: MeetingQuestions,
  places: readonly Place[],
  sight: Sight,
): Promise<HandshakeFacts | undefined> {
  const { rest, limits } = target;
  if (rest === undefined) return undefined;
  const concurrency = 6;
  const transport = new Transport({
    url: rest.url,
    connections: concurrency,
    timeoutMs: limits.requestTimeoutMs,
    ca: rest.ca,
    readOnly: true,
  });
  try {
    const clients = new Clients(rest, transport.fetch);
    const sender = new Sender(transport);
    const shaken = await shakeHands({
      clients,
      sender,
      identities,
      places,
      // Nobody has said which calls are harmless.
      calls: () => [],
      signingKey: target.signingKey,
      concurrency,
      readOnly: readsOnly(target),
      anonymous: () => askAnonymous({ clients, sender, sight, target: { ...target, schemas: exposed } }),
    });
    const { anonymous } = shaken;
    // Why nobody who comes without a token is what he should be has been told.
    const told = anonymous?.kind === "disabled" || anonymous?.kind === "another";
    const unswitched = [...shaken.personas].flatMap(([name, { message }]) =>
      told && identities.some(({ persona, token }) => persona.name === name && token === undefined)
        ? []
        : [[name, message] as const],
    );
    return {
      distrust: shaken.distrust?.message,
      unswitched: new Map(unswitched),
      anonymous,
      rollback: shaken.rollback,
    };
  } finally {
    await transport.close();
  }
}

function sameness(
  { visitor, target, identities, token }: MeetingQuestions,
  known: NonNullable<MeetingQuestions["known"]>,
  places: readonly Place[],
  sight: Sight,
): Promise<SamenessFacts> {
  const readable = places.flatMap(({ role, readable: column, usage, schema, name }) => {
    const identity = identities.find(({ persona }) => persona.role === role);
    return column === null || !usage || identity === undefined
      ? []
      : [{ relation: { schema, name }, identity }];
  });
  const { statementTimeoutMs } = target.limits;
  return askWhetherSame({ visitor, sight, known, readable, token, statementTimeoutMs });
}
