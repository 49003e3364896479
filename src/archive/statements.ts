import type { CellRecord, RunRecord } from "../model/run.ts";
import { channels } from "../model/cell.ts";

/** Attestations of a run: file → statement. Everything in them follows from the archive, so that a verifier makes them again. */
export const statementFiles = ["test-result.dsse.json", "svr.dsse.json"] as const;
export type StatementFile = (typeof statementFiles)[number];

/** Today's type, and what earlier archives call the same: its fields were those of 0.2 from the start. */
export const svrTypes = [
  "https://in-toto.io/attestation/svr/v0.2",
  "https://in-toto.io/attestation/svr/v0.1",
] as const;

/** https://github.com/in-toto/attestation/blob/main/spec/v1/statement.md */
interface Statement {
  readonly _type: "https://in-toto.io/Statement/v1";
  readonly subject: readonly { readonly name: string; readonly digest: Readonly<Record<string, string>> }[];
  readonly predicateType: string;
  readonly predicate: object;
}

/** What the cells of a run come to, by persona and relation: an attestation with every cell would be larger than stores take. */
export interface TestNames {
  readonly add: (cell: CellRecord) => void;
  readonly all: () => ReadonlyMap<string, "passed" | "warned" | "failed">;
}

export function createTestNames(): TestNames {
  const found = new Map<string, "passed" | "warned" | "failed">();
  return {
    add: (cell) => {
      const name = `${cell.persona}/${cell.schema}.${cell.relation}`;
      const now = outcomeOf(cell);
      const before = found.get(name);
      if (before === undefined || now === "failed" || (now === "warned" && before === "passed"))
        found.set(name, now);
    },
    all: () => found,
  };
}

function outcomeOf({ verdict, waived }: CellRecord): "passed" | "warned" | "failed" {
  if (verdict === "pass") return "passed";
  return verdict === "skipped" || waived ? "warned" : "failed";
}

/** @param digests of `SHA256SUMS` itself and of `catalog.json`, in hex. */
export function statementsOf(
  run: RunRecord,
  tests: TestNames,
  digests: { readonly sums: string; readonly catalog: string },
): Readonly<Record<StatementFile, Statement>> {
  const subject = [
    { name: "SHA256SUMS", digest: { sha256: digests.sums } },
    { name: "catalog.json", digest: { sha256: digests.catalog } },
    ...(run.gitCommit === undefined ? [] : [{ name: "git", digest: { gitCommit: run.gitCommit } }]),
  ];
  const statement = (predicateType: string, predicate: object): Statement => ({
    _type: "https://in-toto.io/Statement/v1",
    subject,
    predicateType,
    predicate,
  });
  const configuration = run.inputs.map(({ path, sha256 }) => ({ name: path, digest: { sha256 } }));
  return {
    "test-result.dsse.json": statement("https://in-toto.io/attestation/test-result/v0.1", {
      result: resultOf(run),
      configuration,
      passedTests: namesOf(tests, "passed"),
      warnedTests: namesOf(tests, "warned"),
      failedTests: namesOf(tests, "failed"),
    }),
    "svr.dsse.json": statement(svrTypes[0], {
      verifier: { id: `https://www.npmjs.com/package/rowgate/v/${run.rowgate}`, policies: configuration },
      timeCreated: run.finishedAt,
      properties: propertiesOf(run),
    }),
  };
}

function namesOf(tests: TestNames, outcome: "passed" | "warned" | "failed"): readonly string[] {
  return [...tests.all()].flatMap(([name, one]) => (one === outcome ? [name] : [])).toSorted();
}

function resultOf({ exitCode, counts }: RunRecord): "PASSED" | "WARNED" | "FAILED" {
  if (exitCode !== 0) return "FAILED";
  return counts.waived > 0 || counts.byVerdict.skipped > 0 ? "WARNED" : "PASSED";
}

/** What a deploy gate may ask for. Each holds or is left out; a run that failed has none. */
function propertiesOf(run: RunRecord): readonly string[] {
  if (run.exitCode !== 0) return [];
  const { counts, filters, findings } = run;
  const { only, personas } = filters;
  const passed = (channel: (typeof channels)[number]): number => counts.byChannel[channel].pass;
  const undeclared = new Set(["undeclared-relation", "undeclared-function", "undeclared-definer"]);
  const holds: Readonly<Record<string, boolean>> = {
    ROWGATE_PASSED: true,
    ROWGATE_BOTH_CHANNELS: channels.every((channel) => passed(channel) > 0),
    ROWGATE_WHOLE_MATRIX: only.length === 0 && personas.length === 0,
    ROWGATE_ALL_RELATIONS_DECLARED: !findings.some(({ kind }) => undeclared.has(kind)),
    ROWGATE_NOTHING_WAIVED: counts.waived === 0 && (run.waivedRelations ?? []).length === 0,
    ROWGATE_NOTHING_SKIPPED: counts.byVerdict.skipped === 0,
  };
  return Object.keys(holds).filter((name) => holds[name]);
}
