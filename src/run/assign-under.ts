import { type Client, DatabaseError } from "pg";
import type { Assigning } from "../arguments/assign.ts";
import { type Material, materialOf } from "../arguments/assign-material.ts";
import type { Cell } from "../model/cell.ts";
import type { Observation } from "../model/observation.ts";
import { addressOf } from "../model/posture.ts";
import type { Target } from "../model/target.ts";
import { connect, countRows, disconnect } from "../probe/sql/session.ts";
import type { SessionRules } from "../probe/sessions.ts";
import { ProofSession } from "../prove/ask/session.ts";
import { assigningOf } from "./arguments.ts";
import { observeAssignment } from "./assignments.ts";
import type { PreflightedRun } from "./2-inspect.ts";

/** What columns are given, by relation: the same with a change as without it. */
export type KnownMaterial = Map<string, Promise<Material>>;

/** Cells of `columns: { fixed, free }` where changes are made first, and undone with all that is tried. */
export class ColumnTries {
  readonly #target: Target;
  readonly #plan: PreflightedRun;
  readonly #sessions: SessionRules;
  readonly #material: KnownMaterial;
  #client: Client | undefined;

  constructor(target: Target, plan: PreflightedRun, sessions: SessionRules, material: KnownMaterial) {
    this.#material = material;
    this.#target = target;
    this.#plan = plan;
    this.#sessions = sessions;
  }

  /** Cells of one relation. @returns `undefined` for one that could not be asked */
  async observe(
    cells: readonly Cell[],
    changes: readonly string[],
  ): Promise<readonly (Observation | undefined)[]> {
    const work = this.#plan.work.find(({ relation }) => relation.info.oid === cells[0]?.relation.info.oid);
    if (work === undefined) return [];
    const { info } = work.relation;
    const { limits } = this.#target;
    const client = (this.#client ??= await opened(this.#target));
    const session = new ProofSession(client, limits.statementTimeoutMs);
    try {
      await client.query(["begin isolation level repeatable read", ...changes].join(";\n"));
      await session.begin();
      const assigning: Assigning = {
        ...(await assigningOf(session, { plan: this.#plan, sessions: this.#sessions })),
        enough: 1,
      };
      const material = (): Promise<Material> => {
        const known = this.#material.get(info.oid) ?? materialOf(info, assigning.database);
        this.#material.set(info.oid, known);
        return known;
      };
      return await Promise.all(cells.map((cell) => observeAssignment(cell, work.spec, assigning, material)));
    } catch (error) {
      if (!(error instanceof DatabaseError)) throw error;
      return [];
    } finally {
      await session.end();
    }
  }

  async close(): Promise<void> {
    if (this.#client !== undefined) await disconnect(this.#client);
  }
}

async function opened(target: Target): Promise<Client> {
  const client = await connect(addressOf(target), target.limits);
  await countRows(client);
  return client;
}
