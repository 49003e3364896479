import { readdirSync } from "node:fs";
import { join } from "node:path";

import { describe, expect, it } from "vitest";

import { readCells, readRun } from "../../../src/archive/read.ts";
import { createScrubber } from "../../../src/archive/scrub.ts";
import type { ArchiveOptions } from "../../../src/archive/write.ts";
import { openArchive } from "../../../src/archive/write.ts";
import type { Catalog } from "../../../src/model/catalog.ts";
import { failures, leak } from "../../fixtures/runs/failures.ts";
import { staging } from "../../fixtures/runs/others.ts";
import type { Recorded } from "../../fixtures/runs/build.ts";
import { record } from "../../fixtures/runs/build.ts";
import { archive, catalog, everyFile, startedAt, tempFolder } from "./temp.ts";

/** Handed to the archive when it is opened. */
const known = {
  password: `Pä55 "quoted" it's\\back/slash%2F#\n\u0007end`,
  jwtSecret: "super-secret-jwt-token-with-at-least-32-characters-long",
  apiKey: "opaque+key/with=base64==letters",
  plain: "correcthorsebattery",
  // Base64 and its form for URLs differ.
  odd: "~~~???>>>key",
};

/** Handed over by nobody, and secret all the same. */
const shaped = {
  jwt: "eyJhbGciOiJIUzI1NiJ9.eyJzdWIiOiI3YzllIn0.c2lnbmF0dXJlLW9mLXRva2Vu",
  supabase: "sb_secret_N7UND0UgjKTVK-Uodkm0Hg_xSvEMPvz",
  pem: "-----BEGIN PRIVATE KEY-----\nMIGHAgEAMBMGByqGSM49\nAgEG\n-----END PRIVATE KEY-----",
  bearer: "Bearer abcdefghijklmnop0123456789",
  url: "postgres://app:hunter2@db.test:5432/app",
};
/** What of them must not be found. */
const tellTales = ["c2lnbmF0dXJl", "N7UND0Ugj", "MIGHAgEAMBM", "abcdefghijklmnop", "hunter2"];

function escaped(text: string): string {
  return JSON.stringify(text).slice(1, -1);
}

/** How a secret may come to stand in a record. */
function spelled(secret: string): readonly string[] {
  return [
    secret,
    `postgres://app:${encodeURIComponent(secret)}@db.test/app`,
    `connect password='${secret.replaceAll("'", "''")}'`,
    `curl -H 'apikey: ${secret.replaceAll("'", String.raw`'\''`)}'`,
    JSON.stringify({ nested: secret }),
    Buffer.from(secret).toString("base64"),
    Buffer.from(secret).toString("base64url"),
  ];
}

/** What a search of the bytes must not find: each spelling as it is, and as JSON writes it once and twice. */
const forbidden: readonly string[] = [...Object.values(known).flatMap(bare), ...tellTales].flatMap((text) => [
  text,
  escaped(text),
  escaped(escaped(text)),
]);

function bare(secret: string): readonly string[] {
  const bytes = Buffer.from(secret);
  return [
    secret,
    encodeURIComponent(secret),
    secret.replaceAll("'", "''"),
    bytes.toString("base64url"),
    bytes.toString("base64").replace(/=+$/, ""),
  ];
}

const poison = [...Object.values(known).flatMap(spelled), ...Object.values(shaped)].join(" ; ");

/** The same record with every string, and every name of a claim or setting, full of secrets. */
function poisoned<T>(value: T): T {
  return poisonAny(value) as T;
}

function poisonAny(value: unknown): unknown {
  if (typeof value === "string") return `${value} ${poison}`;
  if (Array.isArray(value)) return value.map(poisonAny);
  if (value === null || typeof value !== "object") return value;
  const entries = Object.entries(value).map(([name, item]) => [name, poisonAny(item)]);
  return Object.fromEntries([...entries, [poison, poison]]);
}

async function poisonedArchive(options: ArchiveOptions): Promise<ReadonlyMap<string, string>> {
  const root = tempFolder();
  const { run, cells }: Recorded = poisoned({ run: failures.run, cells: failures.cells });
  const writer = await openArchive(root, failures.run.id, startedAt, options);
  for (const cell of cells) await writer.cell(cell);
  await writer.catalog(poisoned<Catalog>(catalog));
  const whileOpen = everyFile(root);
  await writer.finish(run);
  return new Map([
    ...everyFile(root),
    ...[...whileOpen].map(([name, text]) => [`open ${name}`, text] as const),
  ]);
}

function found(files: ReadonlyMap<string, string>): readonly string[] {
  return [...files].flatMap(([name, text]) =>
    forbidden
      .filter((secret) => text.includes(Buffer.from(secret, "utf8").toString("latin1")))
      .map((secret) => `${name}: ${secret}`),
  );
}

describe("secrets", () => {
  it("are in no byte that an archive writes, however they came into a record", async () => {
    const files = await poisonedArchive({ secrets: Object.values(known) });
    expect(files.size).toBe(7 + 4);
    expect(found(files)).toEqual([]);
  });

  it("would be found by the test above if they were", async () => {
    const hits = found(await poisonedArchive({}));
    for (const file of ["run.json", "cells.ndjson", "dictionary.ndjson", "catalog.json"]) {
      for (const secret of Object.values(known)) {
        expect(hits.some((hit) => hit.includes(`${file}: `) && hit.endsWith(escaped(secret)))).toBe(true);
      }
    }
    // By its looks alone a secret is masked even when nobody said that it was one.
    expect(hits.filter((hit) => tellTales.some((tale) => hit.endsWith(tale)))).toEqual([]);
  });

  it.each(Object.entries(known).flatMap(([name, secret]) => spelled(secret).map((text) => ({ name, text }))))(
    "are found however they are spelled: $name as $text",
    ({ text }) => {
      const scrub = createScrubber(Object.values(known));
      // Once as it is, once in JSON that is itself in a string, as keys of rows are.
      for (const value of [{ text }, { key: JSON.stringify({ text }) }]) {
        expect(JSON.parse(scrub(JSON.stringify(value)))).not.toEqual(value);
        expect(
          found(new Map([["text", Buffer.from(scrub(JSON.stringify(value))).toString("latin1")]])),
        ).toEqual([]);
      }
    },
  );

  it("leave what is beside them", async () => {
    const of = record([{ ...leak, inForce: [`before ${known.jwtSecret} after`, `see ${shaped.url}?x=1`] }]);
    const dir = await archive(tempFolder(), of, { secrets: Object.values(known) });
    for await (const cell of readCells(dir)) {
      expect(cell.inForce).toEqual(["before [secret] after", "see postgres://[secret]@db.test:5432/app?x=1"]);
      expect({ ...cell, inForce: [] }).toEqual({ ...leak, inForce: [] });
    }
  });

  it("do not touch a record without one: what a person pastes keeps its token from rowgate", async () => {
    const dir = await archive(tempFolder(), failures, { secrets: Object.values(known) });
    expect(await readRun(dir)).toEqual(failures.run);
    const cells = [];
    for await (const cell of readCells(dir)) cells.push(cell);
    expect(cells).toEqual(failures.cells);
    expect(cells.some((cell) => cell.reproduce?.curl?.includes("Bearer $(rowgate token") === true)).toBe(
      true,
    );
  });

  it.each(["postgres", "inconclusive", "database", "relation", "fingerprints", "abc"])(
    "that are ordinary words do not make an archive unreadable: %s",
    async (secret) => {
      const told = { ...leak, inForce: [`could not connect: password=${secret}`] };
      const of = record([told, ...failures.cells], {
        target: { ...staging.run.target, database: "postgres" },
      });
      const dir = await archive(tempFolder(), of, { secrets: [secret] });
      expect(readdirSync(dir)).toHaveLength(7);
      expect((await readRun(dir)).target.database).toBe("postgres");
      const cells = [];
      for await (const cell of readCells(dir)) cells.push(cell);
      expect(cells.map((cell) => cell.verdict)).toEqual(of.cells.map((cell) => cell.verdict));
      expect(everyFile(dir).get("dictionary.ndjson")).not.toContain(`password=${secret}`);
      expect(everyFile(join(dir)).get("dictionary.ndjson")).toContain("could not connect: ");
    },
  );
});
