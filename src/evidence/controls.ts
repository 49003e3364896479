import { z } from "zod";
import { IssuesError } from "../model/errors.ts";
import { checkShape } from "../yaml/check-shape.ts";
import { collectIssues } from "../yaml/issues.ts";
import { readYaml } from "../yaml/read-yaml.ts";
import { plainOf } from "../yaml/tree.ts";

/** Tables of the evidence, as a control may name them. */
const tableNames = ["runs", "gaps", "exceptions", "waivers", "sample"] as const;
export type TableName = (typeof tableNames)[number];

export interface Control {
  readonly framework: string;
  readonly id: string;
  readonly title: string;
  readonly evidence: readonly TableName[];
}

const text = z.string().regex(/\S/, "must not be empty");
const shape: z.ZodType<{ readonly controls: readonly Control[] }> = z.strictObject({
  controls: z.array(
    z.strictObject({
      framework: text,
      id: text,
      title: text,
      evidence: z.array(z.enum(tableNames)).min(1),
    }),
  ),
});

/** A start: which of them a system is audited for, only its owner and the auditor know. */
export const startingControls = `# Which controls the tables of this folder support. Edit a copy, and name it with --controls.
controls:
  - framework: SOC 2
    id: CC6.1
    title: Logical access to protected data is restricted
    evidence: [runs, exceptions, sample]
  - framework: SOC 2
    id: CC6.3
    title: Access is authorized, changed and removed by role
    evidence: [runs, exceptions, waivers]
  - framework: SOC 2
    id: CC8.1
    title: Changes are tested before they are put in place
    evidence: [runs, gaps, exceptions]
  - framework: ISO 27001
    id: A.5.15
    title: Access control
    evidence: [runs, exceptions, waivers]
  - framework: ISO 27001
    id: A.8.3
    title: Information access restriction
    evidence: [runs, exceptions, sample]
`;

/** @throws IssuesError `controls/invalid`, with every mistake at once */
export function readControls(yaml: string, file: string): readonly Control[] {
  const issues = collectIssues("controls");
  const root = readYaml(yaml, file, { noun: "list of controls", begins: "controls:" }, issues);
  if (root !== undefined) checkShape(root, shape, "the list of controls", issues);
  if (root === undefined || issues.list().length > 0)
    throw new IssuesError("controls/invalid", `${file} holds mistakes.`, issues.list());
  return shape.parse(plainOf(root)).controls;
}
