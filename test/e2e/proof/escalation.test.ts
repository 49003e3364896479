import { expect, test } from "vitest";
import { casesOf } from "./case.ts";
import { oneServer, told, wanted } from "./proof.ts";

const server = oneServer();

test.each(
  casesOf(
    "../escalation/chains",
    "../escalation/traps",
    "../escalation/states",
    "../escalation/steps",
    "../escalation/names",
    "../escalation/values",
  ),
)("$name", async (proof) => {
  expect(await told(server(), proof)).toEqual(wanted(proof));
});
