import type { RelationInfo } from "../model/catalog.ts";
import type { ProofAnswer } from "../model/proof.ts";
import type { ProofCell } from "./proof-cell.ts";

/** What a prover is given that its answers rest on. */
export interface GivenToProver {
  readonly heldClaims: ReadonlySet<string>;
  readonly personas?: readonly object[];
  readonly identities?: readonly string[];
  readonly exposes?: readonly string[];
  readonly statementTimeoutMs?: number;
}

type Question = ProofCell & { readonly persona: object };

/**
 * What earlier runs have found of a database that does not change: a question that is the same, word for word, is not asked again. An
 * answer that may be otherwise at another moment (it took too long, say) is not kept.
 */
export class KnownAnswers {
  readonly #answers = new Map<string, ProofAnswer>();
  readonly #read = new Map<string, Promise<unknown>>();

  /** What is read of the database itself: once for each key. */
  read<T>(key: readonly unknown[], read: () => Promise<T>): Promise<T> {
    const text = JSON.stringify(key);
    const found = (this.#read.get(text) as Promise<T> | undefined) ?? read();
    this.#read.set(text, found);
    return found;
  }

  /** The answers that provers with these options keep here. */
  of({ heldClaims, personas, identities, exposes, statementTimeoutMs }: GivenToProver): AnswersOfProver {
    const held = [...heldClaims].toSorted();
    const common = JSON.stringify([held, identities, exposes, statementTimeoutMs]) + tokensOf(personas);
    const relations = new Map<RelationInfo, string>();
    const keyOf = ({ relation, persona, ...asked }: Question): string => {
      const text = relations.get(relation) ?? JSON.stringify(relation);
      relations.set(relation, text);
      return [common, text, tokensOf(persona), JSON.stringify(asked)].join("\n");
    };
    return {
      get: (request) => this.#answers.get(keyOf(request)),
      keep: (request, answer) => {
        if (lasting.has(answer.kind)) this.#answers.set(keyOf(request), answer);
      },
    };
  }
}

export interface AnswersOfProver {
  get(request: Question): ProofAnswer | undefined;
  keep(request: Question, answer: ProofAnswer): void;
}

const lasting: ReadonlySet<ProofAnswer["kind"]> = new Set([
  "privilege",
  "no-policy",
  "all-rows",
  "keys-that-exist",
  "above",
  "hit",
]);

/** Personas, without what their tokens say of the moment at which they were made: each run makes others of the same personas. */
function tokensOf(personas: object | undefined): string {
  return (JSON.stringify(personas) ?? "").replaceAll(madeAnew, "");
}

/** Claims are a text of JSON in a setting. */
const madeAnew = /\\*"(?:iat|exp|timestamp)\\*":\d+|\\*"session_id\\*":\\*"[\da-f-]{36}\\*"/g;
