import { beforePolicies } from "../judge/proof.ts";
import { judge } from "../judge/verdict.ts";
import { quoteLiteral } from "../lib/sql-text.ts";
import type { Cell } from "../model/cell.ts";
import type { Json } from "../model/matrix.ts";
import type { ProofAnswer } from "../model/proof.ts";
import type { SessionRules } from "../probe/sessions.ts";
import { openedWith, type OtherToken } from "../prove/other-tokens.ts";
import type { ProofPersona } from "../prove/prover.ts";
import type { OpenRun } from "./3-open.ts";
import type { ProbedCell } from "./4-probe.ts";

const tokenLimit = 24;

/**
 * What views, functions and triggers say is no proof for all rows. Where they read claims, a cell that passes is probed again with tokens that no
 * persona has: `undefined` where it would pass with each.
 */
export async function openedByToken(
  { cell, answers, proof }: ProbedCell & { readonly proof?: ProofAnswer | undefined },
  persona: ProofPersona,
  run: OpenRun,
): Promise<ProofAnswer | undefined> {
  const { prover, channels, sessions } = run;
  const seen = answers.direct?.observation;
  const trust = { channel: "direct", ...channels.trust.direct } as const;
  if (prover === undefined || seen === undefined) return undefined;
  const judgement = judge(cell, seen, trust);
  // No token replaces a privilege.
  if (judgement.verdict !== "pass" || beforePolicies(cell, judgement) !== undefined) return undefined;
  const { info } = cell.relation;
  if (proof !== undefined && !["all-rows", "keys-that-exist", "not-asked"].includes(proof.kind))
    return undefined;
  const tokens = await prover.otherTokens(persona, info, {
    called: cell.call?.routine,
    event: eventOf(cell),
  });
  for (const token of tokens.slice(0, tokenLimit)) {
    const rules = sessionsWith(sessions, persona.name, token);
    const cells = [cell, withValues(cell, token)].filter((one, index) => index === 0 || one !== cell);
    const found = await channels.spare(async (direct) =>
      Promise.all(
        (await direct.as(rules).probe(cells)).map(({ observation }, index) =>
          judge(cells[index] ?? cell, observation, trust),
        ),
      ),
    );
    if (found.every(({ verdict }) => verdict === "leak"))
      return openedWith(token.changes, found[0]?.because ?? "");
  }
  return undefined;
}

function eventOf({ operation }: Cell): "insert" | "update" | "delete" | undefined {
  if (/update|upsert/.test(operation)) return "update";
  return /insert/.test(operation) ? "insert" : /delete/.test(operation) ? "delete" : undefined;
}

function sessionsWith(rules: SessionRules, name: string, { as }: OtherToken): SessionRules {
  const identity = rules.identities.get(name);
  if (identity === undefined) return rules;
  const held = new Map(as.settings);
  const claims = held.get("request.jwt.claims");
  const settings = Object.fromEntries(
    Object.entries(identity.settings).map(([key, value]) => [key, held.get(key) ?? value]),
  );
  const changed = {
    ...identity,
    settings,
    claims:
      claims === undefined || claims === "" ? identity.claims : (JSON.parse(claims) as Record<string, Json>),
  };
  return { ...rules, identities: new Map(rules.identities).set(name, changed) };
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
