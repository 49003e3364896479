import { isJsonText } from "../lib/json.ts";
import type { QualifiedName } from "../lib/sql-text.ts";
import { jwtClaims } from "./analyse/claim-values.ts";
import { anyClaim, claimsRead, isOfToken } from "./analyse/claims.ts";
import { constantsIn, tellApart } from "./analyse/constants.ts";
import type { ProofRelation } from "./analyse/schema.ts";
import { textsBehind } from "./analyse/texts-behind.ts";
import { callOf } from "./analyse/tree.ts";
import type { Knowledge } from "./knowledge.ts";
import { tellingIdentities } from "./own.ts";
import type { ProofCell } from "./proof-cell.ts";
import type { SharedSearch } from "./shared-search.ts";

interface Request extends ProofCell {
  readonly persona: {
    readonly role: string;
    readonly settings: Readonly<Record<string, string>>;
    readonly identities: readonly string[];
  };
}

/**
 * Personas that differ by who they are alone: the same role, the same claims that count for the relation, and the same is declared of
 * them. The rows that other tables may hold, and the tokens that others may have, open for one of them what they open for another, so
 * that the first of them searches, by the order in which they are asked about.
 */
export class Alike<Answer> {
  readonly #knowledge: Knowledge;
  readonly #known: Map<string, Behind>;
  readonly #groups = new Map<
    string,
    { readonly asked: Promise<Answer>[]; readonly ended: Map<string, boolean> }
  >();

  /** @param known what was read of each relation before */
  constructor(knowledge: Knowledge, known: Map<string, Behind>) {
    this.#knowledge = knowledge;
    this.#known = known;
  }

  /** Asks for one of them, and tells it what those before it have found. */
  ask(request: Request, ask: (search: SharedSearch) => Promise<Answer>): Promise<Answer> {
    const behind = this.#behind(request.relation);
    const names = this.#namesOf(request, behind);
    const key = withoutNames(textOf(request, behind), names);
    const group = this.#groups.get(key) ?? { asked: [], ended: new Map<string, boolean>() };
    this.#groups.set(key, group);
    const before = [...group.asked];
    const nameless = (what: string): string => withoutNames(what, names);
    const answer = ask({
      constants: behind.constants,
      hasFailed: async (what) => {
        const own = nameless(what);
        for (const one of before) {
          if (group.ended.has(own)) break;
          await one.catch(() => undefined);
        }
        return group.ended.get(own) === false;
      },
      end: (what, found) => {
        const own = nameless(what);
        group.ended.set(own, found || group.ended.get(own) === true);
      },
    });
    group.asked.push(answer);
    return answer;
  }

  /**
   * What names the persona, and is compared with nothing by which it would be more than a name: a part of an address (`like '%@corp.com'`),
   * a user who is written out in a policy, numbers, which have an order.
   */
  #namesOf({ persona, declared, check, rowSets = [] }: Request, { constants }: Behind): readonly string[] {
    const ofMatrix = constantsIn([
      ...("predicate" in declared ? [declared.predicate] : []),
      check ?? "",
      ...rowSets.map(({ predicate }) => predicate),
    ]);
    return tellingIdentities(persona.identities).filter(
      (one) => !/^\d+$/.test(one) && !tellApart(constants, one, false) && !tellApart(ofMatrix, one, true),
    );
  }

  #behind({ schema, name }: QualifiedName): Behind {
    const key = JSON.stringify([schema, name]);
    const known =
      this.#known.get(key) ?? behindOf(this.#knowledge, this.#knowledge.schema.relation(schema, name));
    this.#known.set(key, known);
    return known;
  }
}

/** What decides for whom a row of the relation is. */
export interface Behind {
  readonly constants: ReadonlySet<string>;
  /** Does it name the claim, or read the token as a whole? */
  readonly reads: (claim: string) => boolean;
}

function behindOf(knowledge: Knowledge, relation: ProofRelation | undefined): Behind {
  if (relation === undefined) return { constants: new Set(), reads: () => true };
  const { policies, columns, triggers } = relation;
  const more = [
    ...columns.flatMap(({ expression }) => expression ?? []),
    ...[...triggers.map((one) => one.function), ...knowledge.schema.unnamed].map(({ name }) => name),
  ];
  const behind = textsBehind(knowledge.schema, relation, more);
  const trees = [
    ...[...policies.flatMap(({ using, check }) => [using, check]), ...columns.map((one) => one.expression)]
      .filter((one) => one !== null)
      .map((one) => knowledge.declared(relation, one).tree),
    ...behind.flatMap(({ of }) => (of === undefined ? [] : [callOf(of, [])])),
  ];
  const isWhole = trees.some((one) => one === undefined || claimsRead(one, knowledge).has(anyClaim));
  const words = new Set(behind.flatMap(({ text }) => text.match(/[\p{L}\w$]+/gu) ?? []));
  return {
    constants: constantsIn(behind.map(({ text }) => text)),
    reads: (claim) =>
      !isOfToken(claim) &&
      (words.has(claim) ||
        (isWhole && claim !== "session_id") ||
        (!/^[\p{L}\w$]+$/u.test(claim) && behind.some(({ text }) => text.includes(claim)))),
  };
}

/** All that counts of a request. */
function textOf({ relation, role, persona, ...asked }: Request, behind: Behind): string {
  const settings = Object.entries(persona.settings).map(([setting, value]) => [
    setting,
    setting === jwtClaims ? countingClaims(value, behind) : value,
  ]);
  return JSON.stringify([relation.schema, relation.name, role.name, persona.role, settings, asked]);
}

/** What a token holds of the claims that count. */
function countingClaims(token: string, { reads }: Behind): unknown {
  const held: unknown = isJsonText(token) ? JSON.parse(token) : undefined;
  if (typeof held !== "object" || held === null || Array.isArray(held)) return token;
  return Object.entries(held).filter(([claim]) => reads(claim));
}

/** A text with the number of each name in its place. */
function withoutNames(text: string, names: readonly string[]): string {
  return names.reduce(
    (all, one, place) => all.replaceAll(JSON.stringify(one).slice(1, -1), `<${place}>`),
    text,
  );
}
