import { beforePolicies } from "../judge/proof.ts";
import { judge } from "../judge/verdict.ts";
import { quoteLiteral } from "../lib/sql-text.ts";
import type { Cell } from "../model/cell.ts";
import type { Identity } from "../model/channel.ts";
import type { Json } from "../model/matrix.ts";
import type { ProofAnswer } from "../model/proof.ts";
import type { Judgement } from "../model/verdict.ts";
import { openedWith, type OtherToken } from "../prove/other-tokens.ts";
import type { ProofPersona } from "../prove/prover.ts";
import type { OpenRun } from "./3-open.ts";
import type { ProbedCell } from "./4-probe.ts";

const tokenLimit = 24;
const triesAtOnce = 100;

/** A probed cell, and who asked it. */
export interface AskedCell {
  readonly one: ProbedCell & { readonly proof?: ProofAnswer | undefined };
  readonly persona: ProofPersona;
}

/** One cell with one token: its probe, and the row sets that it may be judged by. */
interface Try {
  readonly index: number;
  readonly token: OtherToken;
  readonly cells: readonly Cell[];
}

/**
 * What views, functions and triggers say is no proof for all rows. Where they read claims, a cell that passes is probed again with tokens that no
 * persona has: `undefined` where it would pass with each. `unanswered`: what it is where that cannot be asked.
 */
export async function openedByTokens(
  asked: readonly AskedCell[],
  run: OpenRun,
  unanswered: (error: unknown) => ProofAnswer,
): Promise<readonly (ProofAnswer | undefined)[]> {
  const found: (ProofAnswer | undefined)[] = asked.map(() => undefined);
  const tries = await Promise.all(
    asked.map(async (one, index) => {
      try {
        return (await tokensFor(one, run)).slice(0, tokenLimit).map((token) => tryOf(one, index, token));
      } catch (error) {
        found[index] = unanswered(error);
        return [];
      }
    }),
  );
  const waiting = tries.flat();
  for (let from = 0; from < waiting.length; from += triesAtOnce) {
    const some = waiting.slice(from, from + triesAtOnce).filter(({ index }) => found[index] === undefined);
    const opened = await openedBy(some, asked, run).catch((error: unknown) => {
      const answer = unanswered(error);
      return some.map(() => answer);
    });
    for (const [place, { index }] of some.entries()) found[index] ??= opened[place];
  }
  return found;
}

/** The row set as the token's own values make it first: what passes by it passes. */
async function openedBy(
  tries: readonly Try[],
  asked: readonly AskedCell[],
  run: OpenRun,
): Promise<readonly (ProofAnswer | undefined)[]> {
  const places = tries.map(({ index }) => (asked[index] as AskedCell).persona.name);
  const judgedBy = async (
    chosen: readonly (Cell | undefined)[],
  ): Promise<readonly (Judgement | undefined)[]> =>
    judgedWithTokens(
      tries.map(({ token }, place) => ({ cell: chosen[place], token, name: places[place] ?? "" })),
      run,
    );
  const first = await judgedBy(tries.map(({ cells }) => cells.at(-1)));
  const isLeak = (place: number): boolean => first[place]?.verdict === "leak";
  const second = await judgedBy(
    tries.map(({ cells }, place) => (isLeak(place) && cells.length > 1 ? cells[0] : undefined)),
  );
  return tries.map(({ token }, place) => {
    const last = second[place] ?? first[place];
    return isLeak(place) && last?.verdict === "leak" ? openedWith(token.changes, last.because) : undefined;
  });
}

/** All in one exchange: each token is the persona's of a session of its own, and what two personas would ask alike is asked once. */
async function judgedWithTokens(
  tries: readonly { readonly cell: Cell | undefined; readonly token: OtherToken; readonly name: string }[],
  { channels, sessions }: OpenRun,
): Promise<readonly (Judgement | undefined)[]> {
  const identities = new Map(sessions.identities);
  const probes = new Map<string, { readonly cell: Cell; readonly place: number }>();
  const asked = tries.map(({ cell, token, name }) => {
    if (cell === undefined) return undefined;
    const held = sessions.identities.get(name);
    const identity = held && identityWith(held, token);
    const key = JSON.stringify([identity?.claims, identity?.settings, whatIsAsked(cell)]);
    const probe = probes.get(key);
    if (probe !== undefined) return probe.place;
    const place = probes.size;
    const session = `${name} with token ${place + 1}`;
    if (identity !== undefined) identities.set(session, identity);
    probes.set(key, { cell: { ...cell, persona: { ...cell.persona, name: session } }, place });
    return place;
  });
  if (probes.size === 0) return asked.map(() => undefined);
  const answers = await channels.spare((direct) =>
    direct.as({ ...sessions, identities }).probe([...probes.values()].map(({ cell }) => cell)),
  );
  const trust = { channel: "direct", ...channels.trust.direct } as const;
  return asked.map((place, index) => {
    const cell = tries[index]?.cell;
    const answer = place === undefined ? undefined : answers[place];
    return cell && answer && judge(cell, answer.observation, trust);
  });
}

/** All of the cell that its probe depends on, but the session. What a call falls back on differs from one persona to the next. */
function whatIsAsked({ call, ...cell }: Cell): unknown {
  const { role, login, claims, tokenFrom } = cell.persona;
  const brought = claims !== undefined || tokenFrom !== undefined;
  const untold = { at: undefined, waiver: undefined, implied: undefined, observed: undefined };
  return {
    ...cell,
    ...untold,
    id: call && cell.id,
    persona: [role, login, brought],
    role: cell.role.name,
    relation: cell.relation.info.oid,
  };
}

async function tokensFor(
  { one: { cell, answers, proof }, persona }: AskedCell,
  { prover, channels }: OpenRun,
): Promise<readonly OtherToken[]> {
  const seen = answers.direct?.observation;
  if (prover === undefined || seen === undefined) return [];
  const judgement = judge(cell, seen, { channel: "direct", ...channels.trust.direct });
  // No token replaces a privilege.
  if (judgement.verdict !== "pass" || beforePolicies(cell, judgement) !== undefined) return [];
  if (proof !== undefined && !["all-rows", "keys-that-exist", "not-asked"].includes(proof.kind)) return [];
  const { info } = cell.relation;
  return prover.otherTokens(persona, info, { called: cell.call?.routine, event: eventOf(cell) });
}

function tryOf({ one: { cell } }: AskedCell, index: number, token: OtherToken): Try {
  const changed = withValues(cell, token);
  return { index, token, cells: changed === cell ? [cell] : [cell, changed] };
}

function eventOf({ operation }: Cell): "insert" | "update" | "delete" | undefined {
  if (/update|upsert/.test(operation)) return "update";
  return /insert/.test(operation) ? "insert" : /delete/.test(operation) ? "delete" : undefined;
}

function identityWith(identity: Identity, { as }: OtherToken): Identity {
  const held = new Map(as.settings);
  const claims = held.get("request.jwt.claims");
  return {
    ...identity,
    settings: Object.fromEntries(
      Object.entries(identity.settings).map(([key, value]) => [key, held.get(key) ?? value]),
    ),
    claims:
      claims === undefined || claims === "" ? identity.claims : (JSON.parse(claims) as Record<string, Json>),
  };
}

/** The row set as the token's own values would make it. */
function withValues(cell: Cell, { instead }: OtherToken): Cell {
  const { expectation } = cell;
  if (expectation.kind !== "rows" && expectation.kind !== "within") return cell;
  const predicate = instead.reduce(
    (text, [own, other]) => (other === null ? text : text.replaceAll(quoteLiteral(own), quoteLiteral(other))),
    expectation.predicate,
  );
  return predicate === expectation.predicate ? cell : { ...cell, expectation: { ...expectation, predicate } };
}
