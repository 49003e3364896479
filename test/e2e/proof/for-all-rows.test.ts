import { expect, test } from "vitest";
import { casesOf } from "./case.ts";
import { oneServer, told, wanted } from "./proof.ts";

const server = oneServer();

test.each(
  casesOf(
    "for-all-rows",
    "elsewhere",
    "put-in",
    "session-and-effects",
    "other-rows",
    "beside-own",
    "claims",
    "token-parts",
    "raising",
    "stored-rows",
    "kept-open",
  ),
)("$name", async (proof) => {
  expect(await told(server(), proof)).toEqual(wanted(proof));
});
