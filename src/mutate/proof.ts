import { withProof } from "../judge/proof.ts";
import { grouped } from "../lib/grouped.ts";
import type { Cell } from "../model/cell.ts";
import type { RelationInfo, RoleInfo } from "../model/catalog.ts";
import type { ProofAnswer } from "../model/proof.ts";
import type { Judgement } from "../model/verdict.ts";
import type { SessionRules } from "../probe/sessions.ts";
import type { ProofRequest } from "../prove/prover.ts";
import { requestsOf } from "../run/5-prove.ts";
import { openProof } from "../run/open-proof.ts";
import type { RunRequest } from "../run/request.ts";
import { checksTheSame, differingCommands } from "./equivalent.ts";
import type { Mutant } from "./mutant.ts";
import { kills, type Outcome, underInfo } from "./outcome.ts";

/** What the proof for all rows says of a change that no row at hand shows. */
export class MutantProofs {
  readonly #request: Pick<RunRequest, "target" | "matrix" | "proof">;
  readonly #sessions: SessionRules;
  readonly #before = new Map<string, readonly ProofAnswer[]>();
  /** That the proofs took. */
  milliseconds = 0;

  constructor(request: Pick<RunRequest, "target" | "matrix">, sessions: SessionRules) {
    this.#request = { ...request, proof: "all-rows" };
    this.#sessions = sessions;
  }

  /**
   * Killed where the proof of a cell that passed shows a difference now; ignored where each cell of whom it is about is proved with
   * the change as without it. `mayIgnore`: no other role's rights show the relation to a persona.
   */
  async outcomeOf(
    mutant: Mutant,
    before: RelationInfo,
    cells: readonly Cell[],
    mayIgnore: boolean,
  ): Promise<Outcome | undefined> {
    const asked = cells.filter(isAsked);
    if (asked.length === 0 || (before.kind !== "table" && before.kind !== "partitioned")) return undefined;
    const unknown = asked.filter(({ id }) => !this.#before.has(id));
    for (const [index, answers] of (await this.#prove(unknown, [])).entries())
      this.#before.set(unknown[index]?.id ?? "", answers);
    const changed = asked.map((cell) => underInfo(cell, mutant));
    const after = await this.#prove(changed, mutant.ddl);
    for (const [index, cell] of changed.entries()) {
      const seen = worst(cell, after[index] ?? []);
      if (kills.has(seen.verdict) && worst(cell, this.#before.get(cell.id) ?? []).verdict === "pass")
        return {
          state: "killed",
          killedBy: { cell: cell.id, verdict: seen.verdict },
          because: `the proof for all rows: ${seen.because}`,
        };
    }
    const isShown = (cell: Cell): boolean => {
      const now = after[asked.indexOf(cell)] ?? [];
      return isExact(cell, this.#before.get(cell.id) ?? []) && isExact(cell, now);
    };
    const roles = [...new Map(asked.map(({ role }) => [role.name, role])).values()];
    const all = roles.every((role) => isProved(mutant, before, role, asked, isShown));
    return mayIgnore && all
      ? {
          state: "ignored",
          because:
            "the proof for all rows: with the change as without it, each persona is allowed what the matrix declares, and nothing else",
        }
      : undefined;
  }

  /** One prover for each set of settings: two transactions cannot hold the same change. */
  async #prove(
    cells: readonly Cell[],
    changes: readonly string[],
  ): Promise<readonly (readonly ProofAnswer[])[]> {
    const began = performance.now();
    const asked = cells.map((cell) => requestsOf(cell, { sessions: this.#sessions }, new Map()));
    const answers = new Map<ProofRequest, ProofAnswer>();
    const groups = grouped(asked.flat(), ({ persona }) => Object.keys(persona.settings).toSorted().join());
    for (const group of groups.values()) {
      const closers: (() => Promise<unknown>)[] = [];
      try {
        const prover = await openProof(this.#request, this.#sessions.identities, closers, changes);
        const found = (await prover?.prove(group)) ?? [];
        for (const [index, one] of group.entries()) {
          const answer = found[index];
          if (answer !== undefined) answers.set(one, answer);
        }
      } catch {
        // What could not be asked shows nothing.
      } finally {
        for (const close of closers) await close();
      }
    }
    this.milliseconds += performance.now() - began;
    const failed: ProofAnswer = {
      kind: "undecided",
      because: "the proof failed",
      within: [],
      toDecide: "another run",
    };
    return asked.map((requests) => requests.map((one) => answers.get(one) ?? failed));
  }
}

/** What the proof is asked about. */
export function isAsked({ operation, column }: Cell): boolean {
  return column === undefined && ["select", "insert", "update", "delete"].includes(operation);
}

const passing: Judgement = { verdict: "pass", effect: "filtered", deniedBy: undefined, because: "" };

/** What the answers make of a cell that passed. */
function worst(cell: Cell, answers: readonly ProofAnswer[]): Judgement {
  const judged = answers.map((answer) => withProof(cell, passing, answer));
  return (
    judged.find(({ verdict }) => kills.has(verdict)) ??
    judged.find(({ verdict }) => verdict !== "pass") ??
    passing
  );
}

const exact: ReadonlySet<ProofAnswer["kind"]> = new Set(["all-rows", "keys-that-exist"]);
const closed: ReadonlySet<ProofAnswer["kind"]> = new Set(["privilege", "no-policy"]);

/** The declared rows are just those that are allowed. Candidates and bounds leave others open. */
function isExact({ expectation }: Cell, answers: readonly ProofAnswer[]): boolean {
  const says = ["deny", "rows", "allow"].includes(expectation.kind);
  return answers.length > 0 && answers.every(({ kind }) => closed.has(kind) || (says && exact.has(kind)));
}

/** Of each persona of the role, each command that may differ. */
function isProved(
  { after }: Mutant,
  before: RelationInfo,
  role: RoleInfo,
  cells: readonly Cell[],
  isShown: (cell: Cell) => boolean,
): boolean {
  return differingCommands(before, after, role, true).every((command) => {
    if (command === "update" && !checksTheSame(before, after, role)) return false;
    const ofRole = cells.filter((cell) => cell.role.name === role.name);
    const own = ofRole.filter(({ operation }) => operation === command);
    const everyone = new Set(ofRole.map(({ persona }) => persona));
    return own.length === everyone.size && own.every(isShown);
  });
}
