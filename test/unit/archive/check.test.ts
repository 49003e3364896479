import { execFile, execFileSync } from "node:child_process";
import { createHash, createPublicKey, generateKeyPairSync, verify } from "node:crypto";
import { cpSync, mkdirSync, readdirSync, readFileSync, renameSync, rmSync, writeFileSync } from "node:fs";
import { hostname } from "node:os";
import { join } from "node:path";
import { promisify } from "node:util";
import { bundleFromJSON } from "@sigstore/bundle";
import { toSignedEntity, Verifier } from "@sigstore/verify";
import { describe, expect, it } from "vitest";
import { recover } from "../../../src/archive/chain.ts";
import { checkAll, checkRun } from "../../../src/archive/check.ts";
import { sweepPartials } from "../../../src/archive/partial.ts";
import { type Envelope, envelopeOf, readPublicKey, readSigner } from "../../../src/archive/sign.ts";
import { statementFiles } from "../../../src/archive/statements.ts";
import { failures } from "../../fixtures/runs/failures.ts";
import { passing } from "../../fixtures/runs/others.ts";
import { shapeProblems } from "../../support/attestations.ts";
import { archive, tempFolder } from "./temp.ts";

const { privateKey, publicKey } = generateKeyPairSync("ed25519");
const pem = publicKey.export({ type: "spki", format: "pem" }).toString();
const signer = readSigner(privateKey.export({ type: "pkcs8", format: "pem" }).toString(), "the test's key");
const key = readPublicKey(pem, "the test's key");

const ids = ["20261121T020304Z-00000001", "20261121T020304Z-00000002"] as const;

/** Two signed runs, one after the other. */
async function twoRuns(): Promise<string> {
  const root = tempFolder();
  await archive(root, { ...failures, run: { ...failures.run, id: ids[0] } }, { signer });
  await archive(
    root,
    { ...passing, run: { ...passing.run, id: ids[1], gitCommit: "0d".repeat(20) } },
    { signer },
  );
  return root;
}

const problemsOf = async (root: string, keys = [key]): Promise<readonly string[]> => {
  const { runs, problems } = await checkAll(root, keys);
  return [...problems, ...runs.flatMap((run) => run.problems.map((one) => `${run.id}: ${one}`))];
};

const envelopeIn = (dir: string, file: string): Envelope =>
  JSON.parse(readFileSync(join(dir, file), "utf8")) as Envelope;
const statementIn = ({ payload }: Envelope): Record<string, unknown> =>
  JSON.parse(Buffer.from(payload, "base64").toString()) as Record<string, unknown>;

/** As `cosign verify-blob-attestation --key` does, without a transparency log. @throws what sigstore says */
function verifyBundle(envelope: Envelope): void {
  const bundle = bundleFromJSON({
    mediaType: "application/vnd.dev.sigstore.bundle.v0.3+json",
    verificationMaterial: { publicKey: { hint: signer.id } },
    dsseEnvelope: envelope,
  });
  const none = { certificateAuthorities: [], timestampAuthorities: [], tlogs: [], ctlogs: [] };
  const trusted = { ...none, publicKey: () => ({ publicKey, validFor: () => true }) };
  new Verifier(trusted, { tlogThreshold: 0, ctlogThreshold: 0, tsaThreshold: 0 }).verify(
    toSignedEntity(bundle),
  );
}

const leaf = (line = ""): Buffer => createHash("sha256").update(`\0${line}`).digest();

describe("verify", () => {
  it("says that runs are intact, chained and signed, and by which key", async () => {
    const found = await checkAll(await twoRuns(), [key]);
    expect(found.problems).toEqual([]);
    expect(found.runs).toEqual(
      ids.map((id) => ({
        id,
        problems: [],
        chain: "chained",
        signatures: [
          { keyId: signer.id, state: "valid" },
          { keyId: signer.id, state: "valid" },
        ],
      })),
    );
    expect(found.signatures).toEqual([{ keyId: signer.id, state: "valid" }]);
  });

  it("takes the origin that the last run was closed under, and no other", async () => {
    const root = tempFolder();
    await archive(root, { ...passing, run: { ...passing.run, id: ids[0] } }, { signer });
    expect(readFileSync(join(root, "checkpoint"), "utf8")).toMatch(/^rowgate-runs\n1\n/);
    await archive(
      root,
      { ...passing, run: { ...passing.run, id: ids[1] } },
      { signer, chainOrigin: "example.org/x" },
    );
    const note = readFileSync(join(root, "checkpoint"), "utf8");
    expect(note).toMatch(/^example\.org\/x\n2\n.+\n\n\u2014 example\.org\/x /);
    expect(await problemsOf(root)).toEqual([]);
    writeFileSync(join(root, "checkpoint"), note.replaceAll("example.org/x", "rowgate-runs"));
    expect((await problemsOf(root)).join("; ")).toContain("checkpoint is altered");
  });

  it("finds a byte that was flipped, in every file and wherever it is", async () => {
    const root = await twoRuns();
    const files = readdirSync(root, { recursive: true, encoding: "utf8" }).filter(
      (name) => /[a-z0-9]$/i.test(name) && !/Z-\d{8}$|\/?\d{8}$/.test(name),
    );
    expect(
      files
        .filter((name) => name.includes(ids[0]))
        .map((name) => name.split("/").at(-1))
        .toSorted(),
    ).toEqual([
      "SHA256SUMS",
      "catalog.json",
      "cells.ndjson",
      "dictionary.ndjson",
      "run.json",
      "svr.dsse.json",
      "test-result.dsse.json",
    ]);
    expect(files).toEqual(expect.arrayContaining(["chain.txt", "checkpoint"]));
    const unseen: string[] = [];
    for (const file of files) {
      const bytes = readFileSync(join(root, file));
      for (const part of [0, 0.1, 0.33, 0.5, 0.77, 0.95, 1]) {
        const at = Math.min(bytes.length - 1, Math.floor(part * bytes.length));
        for (const bit of [1, 32]) {
          const flipped = Buffer.from(bytes);
          flipped[at] = (flipped[at] ?? 0) ^ bit;
          writeFileSync(join(root, file), flipped);
          if ((await problemsOf(root)).length === 0) unseen.push(`${file}:${at} ^ ${bit}`);
        }
      }
      writeFileSync(join(root, file), bytes);
    }
    expect(unseen).toEqual([]);
    expect(await problemsOf(root)).toEqual([]);
  });

  it("finds sums, statements and a chain that were all written anew, by the signature alone", async () => {
    const forged = tempFolder();
    const other = readSigner(
      generateKeyPairSync("ed25519").privateKey.export({ type: "pkcs8", format: "pem" }).toString(),
      "another key",
    );
    for (const id of ids)
      await archive(forged, { ...passing, run: { ...passing.run, id } }, { signer: other });
    expect(await problemsOf(forged, [])).toEqual([]);
    const found = await problemsOf(forged);
    expect(found.filter((one) => one.includes("no signature by a key that was given"))).toHaveLength(5);
    // Without a key nothing is signed, and nothing is asked for.
    const unsigned = tempFolder();
    await archive(unsigned, passing);
    expect(await problemsOf(unsigned, [])).toEqual([]);
    expect(await problemsOf(unsigned)).not.toEqual([]);
  });

  it.each([
    [
      "a run is gone",
      (root: string) => rmSync(join(root, "20261121", ids[0]), { recursive: true }),
      [`the run ${ids[0]} is missing`, "the run before it is missing"],
    ],
    [
      "two runs changed their names",
      (root: string) => {
        renameSync(join(root, "20261121", ids[0]), join(root, "aside"));
        renameSync(join(root, "20261121", ids[1]), join(root, "20261121", ids[0]));
        renameSync(join(root, "aside"), join(root, "20261121", ids[1]));
      },
      ["SHA256SUMS is altered"],
    ],
    [
      "the chain forgets its last run",
      (root: string) => {
        const file = join(root, "chain.txt");
        writeFileSync(file, readFileSync(file, "utf8").replace(/^.*00000002.*\n/m, ""));
      },
      ["checkpoint is altered, or the chain is"],
    ],
    ["the chain is gone", (root: string) => rmSync(join(root, "chain.txt")), ["chain.txt is missing"]],
  ] as const)("finds that %s", async (_name, change, says) => {
    const root = await twoRuns();
    change(root);
    const found = (await problemsOf(root)).join("\n");
    for (const one of says) expect(found).toContain(one);
  });

  it("checks a run that was copied elsewhere, which no chain there names", async () => {
    const root = await twoRuns();
    const elsewhere = join(tempFolder(), "20261121", ids[0]);
    cpSync(join(root, "20261121", ids[0]), elsewhere, { recursive: true });
    const check = await checkRun(join(elsewhere, "../.."), elsewhere, ids[0], [key]);
    expect(check).toMatchObject({ problems: [], chain: "unchained" });
  });
});

describe("without rowgate", () => {
  it("the documented steps verify a statement with openssl alone, and sha256sum the chain", async () => {
    const root = await twoRuns();
    writeFileSync(join(root, "rowgate.pub"), pem);
    const page = readFileSync(new URL("../../../docs/archive.md", import.meta.url), "utf8");
    const [, steps = ""] = /```sh openssl\n([\s\S]*?)```/.exec(page) ?? [];
    const run = join(root, "20261121", ids[1]);
    const said = execFileSync("bash", ["-ec", steps], {
      cwd: run,
      encoding: "utf8",
      env: { ...process.env, KEY: join(root, "rowgate.pub") },
    });
    expect(said).toContain("Signature Verified Successfully");
    expect(execFileSync("sha256sum", ["-c", "chain.txt"], { cwd: root, encoding: "utf8" })).toMatch(
      /OK\n.*OK\n/,
    );
  });

  it("the envelope, the statements and the checkpoint have their published shapes", async () => {
    const root = await twoRuns();
    const dir = join(root, "20261121", ids[1]);
    const sums = createHash("sha256")
      .update(readFileSync(join(dir, "SHA256SUMS")))
      .digest("hex");
    const predicates = statementFiles.map((file) => {
      const envelope = envelopeIn(dir, file);
      const statement = statementIn(envelope);
      expect(shapeProblems("envelope", envelope)).toEqual([]);
      expect(shapeProblems(file, statement)).toEqual([]);
      expect(shapeProblems(file, { ...statement, extra: 1 })).not.toEqual([]);
      expect(statement["subject"]).toContainEqual({ name: "SHA256SUMS", digest: { sha256: sums } });
      return statement["predicate"];
    });
    expect(predicates).toMatchObject([
      { result: "PASSED", passedTests: expect.arrayContaining(["ana/public.courses"]), failedTests: [] },
      { properties: expect.arrayContaining(["ROWGATE_PASSED", "ROWGATE_BOTH_CHANNELS"]) },
    ]);
    const note = readFileSync(join(root, "checkpoint"), "utf8");
    const [body = "", signature = ""] = note.split("\n\n");
    const [, size, rootHash = ""] = body.split("\n");
    expect(size).toBe("2");
    const leaves = readFileSync(join(root, "chain.txt"), "utf8").trimEnd().split("\n");
    const merkle = createHash("sha256")
      .update(Buffer.concat([Buffer.of(1), leaf(leaves[0]), leaf(leaves[1])]))
      .digest("base64");
    expect(rootHash).toBe(merkle);
    const bytes = Buffer.from(signature.trim().split(" ").at(-1) ?? "", "base64");
    expect(verify(null, Buffer.from(`${body}\n`), createPublicKey(pem), bytes.subarray(4))).toBe(true);
  });

  it.each(statementFiles)(
    "sigstore's verifier checks %s by the key, in the bundle that cosign reads",
    async (file) => {
      const root = await twoRuns();
      const envelope = envelopeIn(join(root, "20261121", ids[1]), file);
      expect(() => verifyBundle(envelope)).not.toThrow();
      const payload = Buffer.from(envelope.payload, "base64").toString().replace("ROWGATE", "ROWGATe");
      const forged = { ...envelope, payload: Buffer.from(`${payload} `).toString("base64") };
      expect(() => verifyBundle(forged)).toThrow("signature verification failed");
    },
  );

  it("an archive whose statement has the type that svr had before is intact; another type is not", async () => {
    const root = await twoRuns();
    const dir = join(root, "20261121", ids[1]);
    const check = async (predicateType: string): Promise<readonly string[]> => {
      const statement = { ...statementIn(envelopeIn(dir, "svr.dsse.json")), predicateType };
      writeFileSync(join(dir, "svr.dsse.json"), `${JSON.stringify(envelopeOf(statement, signer))}\n`);
      return (await checkRun(root, dir, ids[1], [key])).problems;
    };
    expect(await check("https://in-toto.io/attestation/svr/v0.1")).toEqual([]);
    expect(await check("https://in-toto.io/attestation/svr/v0.3")).toEqual([
      "svr.dsse.json is altered: it does not say what the run says",
    ]);
  });

  it("a failed run claims nothing", async () => {
    const root = await twoRuns();
    expect(statementIn(envelopeIn(join(root, "20261121", ids[0]), "svr.dsse.json"))).toMatchObject({
      predicate: { properties: [] },
    });
  });
});

const built = new URL("../../../dist/archive/write.js", import.meta.url).href;
const writeOne = `
  const { openArchive } = await import(process.argv[1]);
  const { run, catalog } = JSON.parse(process.argv[4]);
  for (let n = 0; n < 3; n += 1) {
    const id = "20261121T02030" + n + "Z-" + process.argv[3];
    const writer = await openArchive(process.argv[2], id, new Date("2026-11-21T02:03:04Z"));
    await writer.catalog(catalog);
    await writer.finish({ ...run, id });
  }
`;

describe("several processes at once", () => {
  it("never fork the chain and never lose a run", async () => {
    const root = tempFolder();
    const run = { ...failures.run, counts: { ...failures.run.counts, cells: 0 } };
    const given = JSON.stringify({ run, catalog: {} });
    await Promise.all(
      Array.from({ length: 4 }, (_, n) =>
        promisify(execFile)(process.execPath, [
          "--input-type=module",
          "-e",
          writeOne,
          built,
          root,
          `0000000${n}`,
          given,
        ]),
      ),
    );
    const found = await checkAll(root, []);
    expect(found.runs).toHaveLength(12);
    expect(found.problems).toEqual([]);
    expect(found.runs.flatMap(({ problems }) => problems)).toEqual([]);
    expect(new Set(found.runs.map(({ chain }) => chain))).toEqual(new Set(["chained"]));
    const named = readdirSync(join(root, "20261121")).map((id) => {
      const { previous } = JSON.parse(
        readFileSync(join(root, "20261121", id, "run.json"), "utf8"),
      ) as typeof failures.run;
      return previous?.id;
    });
    expect(new Set(named).size).toBe(12);
  });
});

describe("a run that was cut short", () => {
  const gone = JSON.stringify({ pid: 2 ** 22 + 1, host: hostname() });

  it("is kept, and says so", async () => {
    const root = await twoRuns();
    const id = "20261121T020305Z-00000003";
    mkdirSync(join(root, "20261121", `.${id}.partial`));
    writeFileSync(join(root, "20261121", `.${id}.partial`, "cells.ndjson"), "{}\n");
    writeFileSync(join(root, "20261121", `.${id}.owner`), gone);
    await sweepPartials(root);
    const found = await checkAll(root, [key]);
    expect(found.cutShort).toEqual([`20261121/${id}.cut-short`]);
    expect(found.runs).toHaveLength(2);
    expect(found.problems).toEqual([]);
    expect(readFileSync(join(root, "20261121", `${id}.cut-short`, "cells.ndjson"), "utf8")).toBe("{}\n");
  });

  it("between the chain and its name is whole, and gets its name", async () => {
    const root = await twoRuns();
    const day = join(root, "20261121");
    renameSync(join(day, ids[1]), join(day, `.${ids[1]}.partial`));
    writeFileSync(join(day, `.${ids[1]}.owner`), gone);
    expect(await problemsOf(root)).not.toEqual([]);
    await recover(root);
    expect(await problemsOf(root)).toEqual([]);
  });
});
