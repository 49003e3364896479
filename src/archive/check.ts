import { readdir, readFile } from "node:fs/promises";
import { join } from "node:path";
import { RowgateError } from "../model/errors.ts";
import {
  chainFile,
  checkpointFile,
  checkpointText,
  checkPrevious,
  lineOf,
  linesOf,
  neutralOrigin,
  readChain,
} from "./chain.ts";
import { readWhole } from "./disk.ts";
import { dayPattern, runIdPattern } from "./id.ts";
import { cutShortSuffix } from "./partial.ts";
import { readCells, readRun } from "./read.ts";
import {
  checkEnvelope,
  type Envelope,
  envelopeOf,
  type PublicKey,
  readNote,
  type Signature,
  statementType,
} from "./sign.ts";
import { createTestNames, type StatementFile, statementFiles, statementsOf, svrTypes } from "./statements.ts";
import { isOfVersion1, parseSums, sha256, sumsFile, verifyArchive } from "./verify.ts";

/** What is known of a run's folder. */
export interface RunCheck {
  readonly id: string;
  /** One sentence each; empty: intact. */
  readonly problems: readonly string[];
  readonly signatures: readonly Signature[];
  readonly chain: "chained" | "unchained";
}

/** @param keys none: signatures are named, and not checked */
export async function checkRun(
  root: string,
  dir: string,
  id: string,
  keys: readonly PublicKey[],
): Promise<RunCheck> {
  const problems = (await verifyArchive(dir)).map((one) =>
    one.kind === "broken"
      ? `${one.file}:${one.line} is not a line of sums`
      : `${one.file} is ${wordOf[one.kind]}`,
  );
  const attested = await checkStatements(dir, keys, problems.length === 0);
  const link = (await readChain(root)).find((one) => one?.id === id);
  const sums = await readFile(join(dir, sumsFile), "utf8").catch(() => "");
  if (link !== undefined && sha256(sums) !== link.sha256)
    problems.push(`${sumsFile} is altered: ${chainFile} has another digest of it`);
  return {
    id,
    problems: [...problems, ...attested.problems],
    signatures: attested.signatures,
    chain: link === undefined ? "unchained" : "chained",
  };
}

const wordOf = { missing: "missing", changed: "altered", extra: "not part of the archive" } as const;

/** The statements follow from the other files, so they are made again and compared; `sound`: these files are as they were. */
async function checkStatements(
  dir: string,
  keys: readonly PublicKey[],
  sound: boolean,
): Promise<Pick<RunCheck, "problems" | "signatures">> {
  const problems: string[] = [];
  const signatures: Signature[] = [];
  const expected = sound ? await expectedStatements(dir) : undefined;
  if (expected === "older") return { problems, signatures };
  for (const file of statementFiles) {
    const text = await readWhole("Could not read the attestation", join(dir, file)).catch(() => undefined);
    if (text === undefined) problems.push(`${file} is missing`);
    const envelope = text === undefined ? undefined : envelopeIn(text);
    if (envelope === undefined) {
      if (text !== undefined) problems.push(`${file} is altered: it is not an envelope that rowgate writes`);
      continue;
    }
    if (expected !== undefined && !accepted(expected[file]).includes(envelope.payload))
      problems.push(`${file} is altered: it does not say what the run says`);
    const found = checkEnvelope(envelope, keys);
    signatures.push(...found);
    problems.push(...signatureProblems(file, found, keys));
  }
  return { problems, signatures };
}

/** As it is written today, and as earlier archives have it. */
function accepted(statement: ReturnType<typeof statementsOf>[StatementFile]): readonly string[] {
  const [now, ...earlier] = svrTypes;
  const types = statement.predicateType === now ? [now, ...earlier] : [statement.predicateType];
  return types.map((predicateType) => envelopeOf({ ...statement, predicateType }, undefined).payload);
}

function signatureProblems(
  file: string,
  found: readonly Signature[],
  keys: readonly PublicKey[],
): readonly string[] {
  const invalid = found.filter(({ state }) => state === "invalid");
  if (invalid.length > 0)
    return invalid.map(({ keyId }) => `${file}: the signature by key ${keyId} is invalid`);
  if (keys.length === 0 || found.some(({ state }) => state === "valid")) return [];
  return [`${file}: no signature by a key that was given`];
}

async function expectedStatements(
  dir: string,
): Promise<ReturnType<typeof statementsOf> | "older" | undefined> {
  if (await isOfVersion1(dir)) return "older";
  const sums = await readWhole("Could not read the archive", join(dir, sumsFile));
  const tests = createTestNames();
  for await (const cell of readCells(dir)) tests.add(cell);
  const catalog = parseSums(sums).sums.get("catalog.json") ?? "";
  return statementsOf(await readRun(dir), tests, { sums: sha256(sums), catalog });
}

/** Only what rowgate would write, byte for byte: what differs in form alone was altered too. */
function envelopeIn(text: string): Envelope | undefined {
  try {
    const { payloadType, payload, signatures } = JSON.parse(text) as Envelope;
    const again = { payloadType, payload, signatures: signatures.map(({ keyid, sig }) => ({ keyid, sig })) };
    const isOurs =
      payloadType === statementType &&
      signatures.every(({ keyid, sig }) => typeof keyid === "string" && typeof sig === "string") &&
      `${JSON.stringify(again)}\n` === text &&
      [payload, ...signatures.map(({ sig }) => sig)].every(
        (one) => Buffer.from(one, "base64").toString("base64") === one,
      );
    return isOurs ? again : undefined;
  } catch {
    return undefined;
  }
}

export interface ChainCheck {
  readonly runs: readonly RunCheck[];
  /** Of the chain and its checkpoint. */
  readonly problems: readonly string[];
  readonly signatures: readonly Signature[];
  readonly cutShort: readonly string[];
  /** Runs that are being written, or were by a process that cannot be asked. */
  readonly unfinished: readonly string[];
}

/** Every run under a root, and the chain that they make. */
export async function checkAll(root: string, keys: readonly PublicKey[]): Promise<ChainCheck> {
  const runs: RunCheck[] = [];
  const cutShort: string[] = [];
  const unfinished: string[] = [];
  for (const day of (await readdir(root)).filter((name) => dayPattern.test(name)).toSorted()) {
    for (const name of (await readdir(join(root, day))).toSorted()) {
      if (name.endsWith(cutShortSuffix)) cutShort.push(`${day}/${name}`);
      if (/^\..*\.partial$/.test(name)) unfinished.push(`${day}/${name}`);
      if (runIdPattern.test(name)) runs.push(await checkOne(root, join(root, day, name), name, keys));
    }
  }
  const { problems, signatures } = await checkChain(root, runs, keys);
  return { runs, problems, signatures, cutShort, unfinished };
}

/** An archive that cannot be read is one run's problem, not the end of the others. */
async function checkOne(
  root: string,
  dir: string,
  id: string,
  keys: readonly PublicKey[],
): Promise<RunCheck> {
  try {
    const check = await checkRun(root, dir, id, keys);
    const previous = await checkPrevious(root, await readRun(dir));
    const broken = {
      first: [],
      unchanged: [],
      changed: ["the run before it was altered"],
      absent: ["the run before it is missing"],
    };
    return { ...check, problems: [...check.problems, ...broken[previous]] };
  } catch (cause) {
    if (!(cause instanceof RowgateError)) throw cause;
    return { id, problems: [cause.message], signatures: [], chain: "unchained" };
  }
}

async function checkChain(
  root: string,
  runs: readonly RunCheck[],
  keys: readonly PublicKey[],
): Promise<Pick<ChainCheck, "problems" | "signatures">> {
  const text = await readFile(join(root, chainFile), "utf8").catch(() => undefined);
  if (text === undefined)
    return { problems: runs.length === 0 ? [] : [`${chainFile} is missing`], signatures: [] };
  const chain = await readChain(root);
  const problems = chain.flatMap((link, index) => {
    if (link === undefined) return [`${chainFile}:${index + 1} is altered: it is not a line of the chain`];
    return runs.some(({ id }) => id === link.id) ? [] : [`the run ${link.id} is missing`];
  });
  const again = chain.map((link) => (link === undefined ? "" : `${lineOf(link)}\n`)).join("");
  if (problems.length === 0 && again !== text) problems.push(`${chainFile} is altered`);
  const note = await readFile(join(root, checkpointFile), "utf8").catch(() => undefined);
  if (note === undefined) return { problems: [...problems, `${checkpointFile} is missing`], signatures: [] };
  const { text: head, signatures } = readNote(note, keys);
  const origin = await originOf(root, chain.at(-1)?.id);
  if (head !== checkpointText(linesOf(text), origin))
    problems.push(
      `${checkpointFile} is altered, or the chain is: it does not name ${chain.length} runs with this root`,
    );
  problems.push(...signatureProblems(checkpointFile, signatures, keys));
  if (signatures.length === 0 && note !== `${head}\n`) problems.push(`${checkpointFile} is altered`);
  return {
    problems,
    signatures: signatures.map((one) => ({ ...one, keyId: one.keyId.replace(`${origin} `, "") })),
  };
}

/** The run that was closed last records it, and its sums cover it. */
async function originOf(root: string, id: string | undefined): Promise<string> {
  if (id === undefined) return neutralOrigin;
  const run = await readRun(join(root, id.slice(0, 8), id)).catch(() => undefined);
  return run?.chainOrigin ?? neutralOrigin;
}
