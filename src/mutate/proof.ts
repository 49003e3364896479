import type { Cell } from "../model/cell.ts";
import type { RoleInfo } from "../model/catalog.ts";
import type { ProofAnswer } from "../model/proof.ts";
import { operationInfo } from "../model/operations.ts";
import type { SessionRules } from "../probe/sessions.ts";
import { isProvable, proveUnder, worstProof } from "../run/prove-under.ts";
import type { RunRequest } from "../run/request.ts";
import { type Compared, checksTheSame, differingCommands } from "./equivalent.ts";
import type { Mutant } from "./mutant.ts";
import { kills, type Outcome, underInfo } from "./outcome.ts";

/** What the proof for all rows says of a change that no row at hand shows. */
export class MutantProofs {
  readonly #request: Pick<RunRequest, "target" | "matrix">;
  readonly #sessions: SessionRules;
  readonly #before = new Map<string, readonly ProofAnswer[]>();

  constructor(request: Pick<RunRequest, "target" | "matrix">, sessions: SessionRules) {
    this.#request = request;
    this.#sessions = sessions;
  }

  /**
   * Killed where the proof of a cell that passed shows a difference now; ignored where each cell of whom it is about is proved with
   * the change as without it. `mayIgnore`: no other role's rights show the relation to a persona.
   */
  async outcomeOf(
    mutant: Mutant,
    compared: Compared,
    cells: readonly Cell[],
    mayIgnore: boolean,
  ): Promise<Outcome | undefined> {
    const asked = cells.filter((cell) => isProvable(cell) || (cell.column === undefined && isBlind(cell)));
    const { before } = compared;
    if (asked.length === 0 || (before.kind !== "table" && before.kind !== "partitioned")) return undefined;
    const changed = asked.map((cell) => underInfo(cell, mutant));
    const after = await this.#prove(changed, mutant.ddl);
    for (const [index, cell] of changed.entries()) {
      const seen = worstProof(cell, after[index] ?? []);
      if (!kills.has(seen.verdict)) continue;
      await this.#proveBefore(asked.slice(index, index + 1));
      if (worstProof(cell, this.#before.get(cell.id) ?? []).verdict === "pass")
        return {
          state: "killed",
          killedBy: { cell: cell.id, verdict: seen.verdict },
          because: `the proof for all rows: ${seen.because}`,
        };
    }
    if (!mayIgnore) return undefined;
    const isShownNow = (cell: Cell): boolean => isExact(cell, after[asked.indexOf(cell)] ?? []);
    const isShown = (cell: Cell): boolean =>
      isShownNow(cell) && isExact(cell, this.#before.get(cell.id) ?? []);
    const roles = [...new Map(asked.map(({ role }) => [role.name, role])).values()];
    const all = (shown: (cell: Cell) => boolean): boolean =>
      roles.every((role) => isProved(compared, role, asked, shown));
    if (!all(isShownNow)) return undefined;
    await this.#proveBefore(asked);
    return all(isShown)
      ? {
          state: "ignored",
          because:
            "the proof for all rows: with the change as without it, each persona is allowed what the matrix declares, and nothing else",
        }
      : undefined;
  }

  /** What is proved without any change is asked once, and only where it decides. */
  async #proveBefore(cells: readonly Cell[]): Promise<void> {
    const unknown = cells.filter(({ id }) => !this.#before.has(id));
    for (const [index, answers] of (await this.#prove(unknown, [])).entries())
      this.#before.set(unknown[index]?.id ?? "", answers);
  }

  async #prove(
    cells: readonly Cell[],
    changes: readonly string[],
  ): Promise<readonly (readonly ProofAnswer[])[]> {
    return await proveUnder(this.#request, this.#sessions, cells, changes);
  }
}

function isBlind({ operation }: Cell): boolean {
  return operationInfo[operation].blind;
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
  compared: Compared,
  role: RoleInfo,
  cells: readonly Cell[],
  isShown: (cell: Cell) => boolean,
): boolean {
  return differingCommands(compared, role, true).every((command) => {
    if (command === "update" && !checksTheSame(compared, role)) return false;
    const ofRole = cells.filter((cell) => cell.role.name === role.name);
    const everyone = new Set(ofRole.map(({ persona }) => persona));
    // What no row is read for, SELECT's policies do not narrow.
    const blind = ofRole.filter(({ operation }) => operation === `blind_${command}`);
    const own = ofRole.filter(({ operation }) => operation === command);
    return own.length === everyone.size && [...own, ...blind].every(isShown);
  });
}
