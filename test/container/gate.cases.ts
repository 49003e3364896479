import { readFileSync, rmSync } from "node:fs";
import path from "node:path";
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import type { GateRecord } from "../../src/model/gate.ts";
import { makeProject, removeProject } from "../cli/system.ts";
import { leftBehind } from "./claim.ts";
import { onContainers } from "./rowgate.ts";

export const cases = (): void =>
  void describe("rowgate gate and init on a container", () => {
    let project: string;
    beforeAll(async () => {
      project = await makeProject({
        "open.sql": `create index concurrently notes_by_owner on public.notes (owner);
create policy open on public.notes for select to authenticated using (true);`,
      });
    });
    afterAll(() => removeProject(project));

    test("what no transaction takes is committed on a copy of the database, and the statement behind it is found", async () => {
      const args = ["open.sql", "--no-require-complete", "--json", "--quiet"];
      const { code, out, err } = await onContainers("gate", args, { cwd: project });
      expect(code, err).toBe(1);
      const { gained } = JSON.parse(out) as GateRecord;
      expect(gained.map(({ persona, relation, statement }) => [persona, relation, statement])).toContainEqual(
        ["ana", "public.notes", 1],
      );
      expect(await leftBehind()).toEqual([]);
    });

    test("init writes a matrix of what it observed there", async () => {
      rmSync(path.join(project, "matrices"), { recursive: true });
      const { code, out, err } = await onContainers("init", ["--quiet"], { cwd: project });
      expect(code, err).toBe(0);
      expect(out).toContain("matrices/notes.yaml: 1 relation,");
      const matrix = readFileSync(path.join(project, "matrices/notes.yaml"), "utf8");
      expect(matrix).toMatch(/rows: \{ own: owner = :sub \}/);
      expect(await leftBehind()).toEqual([]);
    });
  });
