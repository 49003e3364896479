import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { makeProject, removeProject } from "../cli/system.ts";
import { images } from "./build.ts";
import { leftBehind } from "./claim.ts";
import { runOnContainers } from "./rowgate.ts";

interface Fault {
  readonly what: string;
  readonly env: Readonly<Record<string, string>>;
  readonly says: readonly RegExp[];
}

const faults: readonly Fault[] = [
  {
    what: "an image of Postgres that is nowhere",
    env: { ROWGATE_POSTGRES_IMAGE: "rowgate-test/there-is-none:1" },
    says: [
      /the image rowgate-test\/there-is-none:1 is not on this engine and cannot be pulled/,
      /docker pull rowgate-test\/there-is-none:1/,
      /--postgres-image or ROWGATE_POSTGRES_IMAGE/,
    ],
  },
  {
    what: "an image of PostgREST that is nowhere",
    env: { ROWGATE_POSTGREST_IMAGE: "rowgate-test/there-is-none:1" },
    says: [/the image rowgate-test\/there-is-none:1 is not on this engine/, /--gateway builtin/],
  },
  {
    what: "two images that are nowhere",
    env: {
      ROWGATE_POSTGRES_IMAGE: "rowgate-test/there-is-none:1",
      ROWGATE_POSTGREST_IMAGE: "rowgate-test/nor-this:1",
    },
    says: [
      /there-is-none:1 is not on this engine.*; the image rowgate-test\/nor-this:1 is not on/,
      /--gateway builtin/,
    ],
  },
  {
    what: "a Postgres that ends at once, and whose last words hold a secret",
    env: { ROWGATE_POSTGRES_IMAGE: images.ends },
    says: [
      /the container of rowgate-test\/postgres:ends ended with exit code 3 instead of serving/,
      /no room for \[secret\] on this disk/,
    ],
  },
  {
    what: "a Postgres that lets nobody in",
    env: { ROWGATE_POSTGRES_IMAGE: images.other },
    says: [/does not let its superuser in: password authentication failed/, /must take POSTGRES_PASSWORD/],
  },
  {
    what: "a gateway that ends at once",
    env: { ROWGATE_POSTGREST_IMAGE: images.gatewayEnds },
    says: [
      /the container of rowgate-test\/gateway:ends ended with exit code 1 instead of serving/,
      /cannot serve/,
    ],
  },
  {
    what: "an image whose program is not there",
    env: { ROWGATE_POSTGRES_IMAGE: images.postgres, ROWGATE_POSTGREST_IMAGE: images.gatewayMissing },
    says: [/the engine could not start a container of rowgate-test\/gateway:missing/, /no such file/],
  },
];

export const cases = (): void =>
  void describe("faults of containers", () => {
    let project: string;
    beforeAll(async () => {
      project = await makeProject();
    });
    afterAll(async () => {
      await removeProject(project);
    });

    test.each(faults)("$what: told, exit 2, nothing left", async ({ env, says }) => {
      const result = await runOnContainers([], { cwd: project, env });
      expect(result.code, result.out).toBe(2);
      for (const words of says) expect(result.err).toMatch(words);
      expect(result.err).not.toContain("something unexpected");
      expect(result.out).toBe("");
      expect(await leftBehind(2)).toEqual([]);
    });

    test("an image that answers 200 to everything proves nothing, and is not called PostgREST", async () => {
      const result = await runOnContainers([], {
        cwd: project,
        env: { ROWGATE_POSTGREST_IMAGE: images.gatewayOther },
      });
      expect(result.code).toBe(2);
      expect(result.out.replaceAll(/\s+/g, " ")).toContain(
        `rest: ${images.gatewayOther}, which does not say that it is PostgREST`,
      );
      expect(result.out).not.toMatch(/ {2}PASS {2}/);
      expect(await leftBehind(2)).toEqual([]);
    });
  });
