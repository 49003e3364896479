import { mkdirSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import path from "node:path";
import { setTimeout as sleep } from "node:timers/promises";
import { buildImages, images } from "./build.ts";
import { leftovers, whyNoContainer, whyNoEngine } from "./engine.ts";

const lock = path.join(tmpdir(), `rowgate-container-tests-${process.getuid?.() ?? 0}`);
const patience = 20 * 60_000;
let before: readonly string[] = [];

/**
 * The engine to one run of these tests at a time, whatever else runs on this machine: what one leaves behind could not be
 * told from what another is using. Builds the images first.
 * @returns why these tests cannot be run here, and then nothing is claimed
 */
export async function claimEngine(): Promise<string | undefined> {
  const none = whyNoEngine();
  if (none !== undefined) return none;
  await hold();
  const reason = (await buildImages()) ?? (await whyNoContainer(images.postgres));
  if (reason !== undefined) releaseEngine();
  else before = await leftovers();
  return reason;
}

export function releaseEngine(): void {
  rmSync(lock, { recursive: true, force: true });
}

/** What was not there when these tests began. @param seconds in which it may still go */
export async function leftBehind(seconds = 30): Promise<readonly string[]> {
  for (const end = Date.now() + seconds * 1000; ; await sleep(200)) {
    const left = (await leftovers()).filter((one) => !before.includes(one));
    if (left.length === 0 || Date.now() > end) return left;
  }
}

async function hold(): Promise<void> {
  for (const end = Date.now() + patience; Date.now() < end; await sleep(500)) {
    try {
      mkdirSync(lock);
      writeFileSync(path.join(lock, "pid"), String(process.pid));
      return;
    } catch {
      if (!isHeld()) rmSync(lock, { recursive: true, force: true });
    }
  }
  throw new Error(`${lock} is held`);
}

function isHeld(): boolean {
  try {
    return process.kill(Number(readFileSync(path.join(lock, "pid"), "utf8")), 0);
  } catch (error) {
    // Just made, and not yet written to, it has no file.
    return (error as NodeJS.ErrnoException).code === "ENOENT";
  }
}
