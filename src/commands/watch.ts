import { type FSWatcher, watch as watchFolder } from "node:fs";
import { mkdtemp, rm } from "node:fs/promises";
import os from "node:os";
import path from "node:path";
import { newRunId } from "../archive/id.ts";
import { now } from "../lib/clock.ts";
import { listNames } from "../lib/nearest.ts";
import { dateSince, dayOf, elapsed } from "../lib/moment.ts";
import type { Matrix } from "../model/matrix.ts";
import type { CellRecord, RunRecord } from "../model/run.ts";
import type { Target } from "../model/target.ts";
import { factsOf, findingMessages } from "../messages/findings.ts";
import { failsRun } from "../model/finding.ts";
import { cellName, isFailing, position, verdictWords } from "../report/words.ts";
import { isWaived } from "../model/waived.ts";
import { painter } from "../report/paint.ts";
import { oneLine, plural, seconds } from "../report/text.ts";
import type { ProofWish } from "../run/request.ts";
import { gatewayOf } from "../run/request.ts";
import { type PreflightedRun, preflightRun, run } from "../run.ts";
import { personasWithUser } from "../stage/persona-users.ts";
import type { EmbeddedServer } from "../stage/postgres/server.ts";
import { embeddedSystem } from "../stage/targets.ts";
import { type Built, Databases } from "../watch/databases.ts";
import type { Fingerprint } from "../model/fingerprint.ts";
import { readFingerprints, touchedBy } from "../watch/fingerprint.ts";
import { changedCells, escaped } from "../watch/matrix-changes.ts";
import type { Environment, ExitCode } from "./environment.ts";
import { describeError } from "./errors.ts";
import { type LoadedMatrix, loadMatrices } from "./load-matrix.ts";
import type { RunOptions } from "./options.ts";
import { baselineOf, readProvenance } from "./systems.ts";

export type WatchOptions = Pick<
  RunOptions,
  "policies" | "overlay" | "baseline" | "defaultPrivileges" | "proof"
>;

/** What was proved last: the next save is compared with it. */
interface Proved {
  readonly matrix: Matrix;
  readonly built: Built;
  readonly fingerprints: readonly Fingerprint[];
}

/** Which cells a save touches; `undefined`: all. */
type Only = readonly string[] | undefined;

/**
 * `rowgate watch <matrix>`: an embedded server stays up, and each save of the matrix or of a SQL file is followed by the verdicts of
 * the cells that it touches, on the direct channel. Ends with Ctrl-C.
 */
export async function watchCommand(
  file: string,
  options: WatchOptions,
  environment: Environment,
): Promise<ExitCode> {
  const { cwd, interrupted } = environment;
  const loaded = await load(file, environment);
  const policies = options.policies === undefined ? loaded.policies : path.resolve(cwd, options.policies);
  const overlays = options.overlay.map((one) => path.resolve(cwd, one));
  const baseline = await baselineOf(loaded, { ...options, target: "embedded" }, cwd);
  const users = personasWithUser(loaded.matrix);
  const databases = new Databases({ policies, overlays, baseline, users });
  const logs = await mkdtemp(path.join(os.tmpdir(), "rowgate-watch-"));
  const folders = [
    path.dirname(path.resolve(cwd, file)),
    policies,
    ...overlays.map((one) => path.dirname(one)),
  ];
  const saves = new Saves([...new Set(folders)], interrupted);
  const watched = new Watched(file, databases, logs, options.proof, environment);
  try {
    environment.out.write(
      `Watching ${file} and ${path.relative(cwd, policies) || "."}: cells are probed on the direct channel, declared calls alone, no search for escalation; \`rowgate run\` proves the rest. Ctrl-C ends.\n`,
    );
    do await watched.once();
    while (await saves.next());
    return 0;
  } finally {
    saves.close();
    await databases.stop();
    await rm(logs, { recursive: true, force: true });
  }
}

async function load(file: string, { cwd }: Environment): Promise<LoadedMatrix> {
  const [loaded] = await loadMatrices([file], cwd, dayOf(now()), true);
  if (loaded === undefined) throw new Error("one file is one matrix");
  return loaded;
}

/** Saves of files in some folders. Editors write a file several times, or put another in its place: a moment later all is there. */
class Saves {
  readonly #watchers: readonly FSWatcher[];
  readonly #interrupted: AbortSignal;
  #pending = false;
  #wake: (() => void) | undefined;

  constructor(folders: readonly string[], interrupted: AbortSignal) {
    this.#interrupted = interrupted;
    interrupted.addEventListener("abort", () => this.#wake?.(), { once: true });
    this.#watchers = folders.map((folder) =>
      watchFolder(folder, (_, name) => {
        if (name !== null && !/\.(?:sql|ya?ml)$/i.test(name)) return;
        this.#pending = true;
        this.#wake?.();
      }),
    );
  }

  /** @returns false once interrupted */
  async next(): Promise<boolean> {
    while (!this.#pending && !this.#interrupted.aborted) {
      await new Promise<void>((resolve) => {
        this.#wake = resolve;
      });
    }
    await new Promise((resolve) => setTimeout(resolve, 30));
    this.#pending = false;
    return !this.#interrupted.aborted;
  }

  close(): void {
    for (const one of this.#watchers) one.close();
  }
}

class Watched {
  readonly #file: string;
  readonly #databases: Databases;
  readonly #logs: string;
  readonly #proof: ProofWish;
  readonly #environment: Environment;
  #proved: Proved | undefined;
  #target: { readonly server: EmbeddedServer; readonly facts: string; readonly target: Target } | undefined;
  #provenance: ReturnType<typeof readProvenance> | undefined;
  /** Cells that failed when they were probed last. */
  readonly #failing = new Set<string>();
  /** What the last one was wrong with: the same mistake is reported once. */
  #told = "";

  constructor(file: string, databases: Databases, logs: string, proof: ProofWish, environment: Environment) {
    this.#file = file;
    this.#databases = databases;
    this.#logs = logs;
    this.#proof = proof;
    this.#environment = environment;
  }

  /** Reads what is saved, and proves what it touches. Mistakes are reported, and the next save is waited for. */
  async once(): Promise<void> {
    const { err, cwd, interrupted } = this.#environment;
    try {
      await this.#prove();
      await this.#databases.tidy();
      this.#told = "";
    } catch (error) {
      if (interrupted.aborted) return;
      const text = describeError(error, cwd);
      if (text !== this.#told) err.write(`${text}Waiting for the next save.\n`);
      this.#told = text;
    }
  }

  async #prove(): Promise<void> {
    const began = now();
    const before = this.#proved;
    const { matrix: written } = await load(this.#file, this.#environment);
    const built = await this.#databases.build();
    const sameSql =
      before !== undefined &&
      before.built.database.database === built.database.database &&
      before.built.server === built.server;
    if (sameSql && before.matrix.sha256 === written.sha256) return;
    const target = await this.#targetOf(written, built);
    const about = {
      matrix: written,
      filters: { only: [], personas: [], channels: ["direct"] as const },
      database: built.database,
      limits: target.limits,
      gateway: gatewayOf(target),
    };
    const [preflighted, fingerprints] = await Promise.all([
      preflightRun(about),
      sameSql ? before.fingerprints : readFingerprints(built.database),
    ]);
    const only = this.#touched(before, preflighted, { built, fingerprints, sameSql });
    if (only === undefined || only.length > 0) await this.#run(target, preflighted, only ?? [], began);
    this.#proved = { matrix: preflighted.matrix, built, fingerprints };
  }

  /** Of the matrix and of the database; says so. */
  #touched(
    before: Proved | undefined,
    { matrix }: PreflightedRun,
    after: { built: Built; fingerprints: readonly Fingerprint[]; sameSql: boolean },
  ): Only {
    const say = (text: string): void => this.#environment.out.write(`\n${text}\n`);
    if (before === undefined) return undefined;
    const cells =
      before.matrix.sha256 === matrix.sha256 && after.sameSql ? [] : changedCells(before.matrix, matrix);
    if (cells === undefined) {
      say(`${this.#file} was saved: personas, vars or patterns changed; every cell`);
      return undefined;
    }
    if (after.sameSql) {
      say(
        cells.length === 0
          ? `${this.#file} was saved: no cell is declared otherwise`
          : `${this.#file} was saved`,
      );
      return cells;
    }
    const { sources, from } = after.built;
    const file = sources[from]?.path;
    const rebuilt =
      file === undefined ? "the SQL changed" : `rebuilt from ${path.relative(this.#environment.cwd, file)}`;
    const touched = touchedBy(before.fingerprints, after.fingerprints, matrix);
    if (touched.kind === "all") {
      say(`${rebuilt}: ${touched.because}; every cell`);
      return undefined;
    }
    const names = touched.names;
    say(
      names.length === 0
        ? `${rebuilt}: nothing that a cell depends on changed`
        : `${rebuilt}: ${listNames(names)}`,
    );
    return [...cells, ...names.flatMap((name) => [`*/${escaped(name)}/*`, `*/${escaped(name)}/*/*`])];
  }

  /** A gateway decides what sessions hold, also on the direct channel; it is started to learn that, and not asked. */
  async #targetOf(matrix: Matrix, { server, database, applied }: Built): Promise<Target> {
    const facts = JSON.stringify([matrix.exposes, matrix.channels]);
    if (this.#target?.server === server && this.#target.facts === facts)
      return { ...this.#target.target, database };
    const opened = await embeddedSystem(
      {
        server,
        database: database.database,
        policies: "",
        overlays: [],
        schemas: matrix.exposes,
        gateway: matrix.channels.includes("rest") ? "builtin" : "none",
        txEnd: "rollback-allow-override",
        jwtSecret: undefined,
        environment: this.#environment.variables,
      },
      database,
      applied,
    ).open();
    await opened[Symbol.asyncDispose]();
    this.#target = { server, facts, target: opened.target };
    return opened.target;
  }

  async #run(
    target: Target,
    preflighted: PreflightedRun,
    only: readonly string[],
    began: ReturnType<typeof now>,
  ): Promise<void> {
    const { out, variables, interrupted, cwd } = this.#environment;
    const paint = painter(out.isTerminal && variables["NO_COLOR"] === undefined);
    if (only.length === 0) this.#failing.clear();
    let [total, passed, failed, first] = [0, 0, 0, 0];
    const startedAt = now();
    const ended: { readonly run: RunRecord } = await run(
      {
        id: newRunId(dateSince(startedAt, now())),
        startedAt,
        matrix: preflighted.matrix,
        target,
        inputs: [],
        filters: { only, personas: [], channels: ["direct"] },
        logs: this.#logs,
        proof: this.#proof,
        arguments: "declared",
        escalation: "off",
        ...(await (this.#provenance ??= readProvenance(cwd))),
        startMs: 0,
        environment: variables,
        interrupted,
      },
      {
        cell: (cell) => {
          first ||= elapsed(began, now());
          total += 1;
          this.#failing.delete(cell.id);
          if (cell.verdict === "pass" || isWaived(cell)) passed += 1;
          if (!isFailing(cell.verdict) || isWaived(cell)) return;
          failed += 1;
          this.#failing.add(cell.id);
          out.write(`${paint("bad", verdictWords[cell.verdict].head)} ${lineOf(cell)}\n`);
        },
      },
      preflighted,
    );
    await rm(ended.run.id, { recursive: true, force: true });
    const findings = ended.run.findings.filter(failsRun);
    for (const one of findings)
      out.write(
        `${paint("bad", "FAILED")} ${oneLine(`${findingMessages[one.kind].title}: ${factsOf(one)}`)}\n`,
      );
    const sound = failed === 0 && findings.length === 0 && passed === total;
    const earlier = this.#failing.size - failed;
    const others =
      earlier === 0
        ? ""
        : `; ${plural(earlier, "cell")} that failed before ${earlier === 1 ? "is" : "are"} not touched by this save`;
    const word = sound ? paint("good", "PASS") : paint("bad", `${failed + findings.length} FAILED`);
    out.write(
      `${word} ${passed} of ${plural(total, "cell")} passed; first verdict after ${seconds(first)}, all after ${seconds(elapsed(began, now()))}${others}\n`,
    );
  }
}

function lineOf(cell: CellRecord): string {
  const because = Object.values(cell.channels)[0]?.because ?? "";
  return oneLine(`${cellName(cell)}: ${because} (${position(cell.at)})`);
}
