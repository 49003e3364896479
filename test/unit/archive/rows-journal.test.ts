import { spawnSync } from "node:child_process";
import { appendFileSync, existsSync, readdirSync, readFileSync, statSync, writeFileSync } from "node:fs";
import { hostname } from "node:os";
import path from "node:path";
import { beforeEach, describe, expect, it } from "vitest";
import { findJournals, openRowJournal } from "../../../src/archive/rows-journal.ts";
import type { RowName } from "../../../src/model/scratch-row.ts";
import { tempFolder } from "./temp.ts";

const row = (id: string): RowName => ({ relation: { schema: "public", name: "notes" }, key: { id } });
const head = { database: "db.test:5432/app", since: "731" };

let root: string;
beforeEach(() => void (root = tempFolder()));

const at = (name: string): string => path.join(root, ".rows", name);
/** A process that was, and is no more. */
const { pid: gone } = spawnSync(process.execPath, ["-e", ""]);
const belongsTo = (run: string, pid: number, host = hostname()): void =>
  writeFileSync(at(`${run}.owner`), `${JSON.stringify({ pid, host })}\n`);
const found = async (): Promise<readonly string[]> => (await findJournals(root)).map(({ run }) => run);

describe("a journal of rows", () => {
  it("holds every row as soon as it is noted, for this user's eyes alone", async () => {
    const journal = await openRowJournal(root, "r1", head);
    await journal.note([row("a")]);
    await journal.note([row("b"), row("c")]);
    const lines = readFileSync(at("r1.ndjson"), "utf8").trimEnd().split("\n");
    expect(lines.map((line) => JSON.parse(line))).toEqual([head, row("a"), row("b"), row("c")]);
    expect(statSync(at(".")).mode & 0o077).toBe(0);
    belongsTo("r1", gone);
    expect(await findJournals(root)).toMatchObject([
      { run: "r1", ...head, owner: { kind: "gone" }, rows: [row("a"), row("b"), row("c")] },
    ]);
  });

  it("goes with its owner's note, and not a second time", async () => {
    const journal = await openRowJournal(root, "r1", head);
    await journal.discard();
    expect(readdirSync(at("."))).toEqual([]);
    await journal.discard();
  });

  it("is never another run's", async () => {
    await openRowJournal(root, "r1", head);
    await expect(openRowJournal(root, "r1", head)).rejects.toMatchObject({ code: "archive/disk" });
    expect(readFileSync(at("r1.ndjson"), "utf8")).toBe(`${JSON.stringify(head)}\n`);
  });

  it("cannot be written to once it is gone: no row is made then", async () => {
    const journal = await openRowJournal(root, "r1", head);
    writeFileSync(path.join(root, "file"), "");
    const lost = await openRowJournal(path.join(root, "file"), "r2", head).catch((error: unknown) => error);
    expect(lost).toMatchObject({ code: "archive/disk" });
    await journal.discard();
  });
});

describe("journals that runs have left", () => {
  it("say on which database, and what became of their process", async () => {
    const runs = ["dead", "mine", "of-another-host", "without-owner"];
    for (const run of [...runs, "of-another-database"])
      await openRowJournal(
        root,
        run,
        run === "of-another-database" ? { ...head, database: "else:1/x" } : head,
      );
    belongsTo("dead", gone);
    belongsTo("of-another-host", gone, "another.test");
    writeFileSync(at("without-owner.owner"), "");
    const journals = await findJournals(root);
    expect(journals.map(({ run, database, owner }) => [run, database, owner])).toEqual([
      ["dead", head.database, { kind: "gone" }],
      ["mine", head.database, { kind: "alive", pid: process.pid }],
      ["of-another-database", "else:1/x", { kind: "alive", pid: process.pid }],
      ["of-another-host", head.database, { kind: "elsewhere", host: "another.test" }],
      ["without-owner", head.database, { kind: "unknown" }],
    ]);
    const [dead] = journals;
    await dead?.discard();
    expect(existsSync(at("dead.ndjson"))).toBe(false);
    expect(existsSync(at("dead.owner"))).toBe(false);
    expect(await found()).not.toContain("dead");
  });

  it("may end in the middle of a line: that row was not made", async () => {
    const journal = await openRowJournal(root, "r1", head);
    await journal.note([row("a")]);
    appendFileSync(at("r1.ndjson"), JSON.stringify(row("b")).slice(0, -3));
    belongsTo("r1", gone);
    expect(await findJournals(root)).toMatchObject([{ rows: [row("a")] }]);
  });

  it("say since when, or say nothing: without it every row with such a key would go", async () => {
    await openRowJournal(root, "r1", head);
    writeFileSync(
      at("r1.ndjson"),
      `${JSON.stringify({ database: head.database })}\n${JSON.stringify(row("a"))}\n`,
    );
    belongsTo("r1", gone);
    expect(await found()).toEqual([]);
  });

  it("are none where no run has been", async () => {
    expect(await found()).toEqual([]);
  });
});
