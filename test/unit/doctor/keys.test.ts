import jwt from "jsonwebtoken";
import { describe, expect, it } from "vitest";
import { readApiKey, readSigningKey } from "../../../src/doctor/facts/target.ts";

describe("an API key says what it is", () => {
  const exp = Math.floor(Date.UTC(2030, 0, 1) / 1000);
  it.each([
    ["sb_publishable_abc", { kind: "publishable" }],
    ["sb_secret_abc", { kind: "secret" }],
    ["something else", { kind: "unknown" }],
    ["a.b.c", { kind: "unknown" }],
    ["", { kind: "unknown" }],
    [
      jwt.sign({ role: "anon", ref: "abcdefghijklmnopqrst", exp }, "x".repeat(32)),
      { kind: "legacy", role: "anon", project: "abcdefghijklmnopqrst", expires: exp * 1000 },
    ],
    [
      jwt.sign({ role: 1 }, "x".repeat(32)),
      { kind: "legacy", role: undefined, project: undefined, expires: undefined },
    ],
  ])("%s", (key, facts) => {
    expect(readApiKey(key)).toEqual(facts);
  });
});

describe("a signing key that signs nothing is known by its look", () => {
  const token = jwt.sign({ role: "anon" }, "x".repeat(32));
  it.each([
    ["x".repeat(32), { isApiKey: false, isShort: false }],
    // PostgREST counts bytes.
    ["é".repeat(16), { isApiKey: false, isShort: false }],
    ["x".repeat(31), { isApiKey: false, isShort: true }],
    ["sb_publishable_abcdefghijklmnopqrstuvw", { isApiKey: true }],
    ["sb_secret_abcdefghijklmnopqrstuvwxyz", { isApiKey: true }],
    [token, { isApiKey: true }],
  ])("%s", (secret, facts) => {
    expect(readSigningKey({ algorithm: "HS256", secret })).toMatchObject(facts);
  });
});
