import { afterAll, describe } from "vitest";
import { claimEngine, releaseEngine } from "./claim.ts";
import { cases as faults } from "./faults.cases.ts";
import { cases as gates } from "./gate.cases.ts";
import { cases as interrupted } from "./interrupted.cases.ts";
import { cases as reuse } from "./reuse.cases.ts";
import { cases as runs } from "./run.cases.ts";

const reason = await claimEngine();
// Said aloud: a test that did not run must not look like one that passed.
if (reason !== undefined) process.stderr.write(`\nNOT RUN: test/container: ${reason}\n`);

/*
 * All of them in one file: they share one engine, and what one leaves behind could not be told from what another is using,
 * so that side by side they would only wait for each other.
 */
describe.skipIf(reason !== undefined)("containers", () => {
  afterAll(releaseEngine);
  runs();
  gates();
  faults();
  interrupted();
  reuse();
});
