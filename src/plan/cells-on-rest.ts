import { operationInfo } from "../model/operations.ts";
import type { Cell, PlannedRelation } from "../model/cell.ts";
import type { Expectation, Persona, RelationOperation, RelationSpec } from "../model/matrix.ts";
import { pastTheGateway } from "./channels.ts";
import type { ResolvedExpectation } from "./expectation.ts";
import type { ExpandOptions } from "./options.ts";

/** What decides whether PostgREST can be asked. */
interface Asked {
  readonly spec: RelationSpec;
  readonly relation: PlannedRelation;
  readonly persona: Persona;
  readonly operation: RelationOperation;
  readonly column: string | undefined;
  readonly resolved: ResolvedExpectation;
}

/** The channels that answer for a cell, and why rest does not. */
export function answeringChannels(
  asked: Asked,
  expectation: Expectation,
  options: Pick<ExpandOptions, "channels" | "exposed">,
): Pick<Cell, "channels" | "notOn"> {
  const reason = notOnRest(asked, expectation, options);
  const channels = options.channels.filter((channel) => channel === "direct" || reason === undefined);
  const notOn = reason !== undefined && options.channels.includes("rest") ? { rest: reason } : {};
  return { channels, notOn };
}

function notOnRest(
  { spec, operation, column, relation, persona, resolved }: Asked,
  expectation: Expectation,
  { exposed }: Pick<ExpandOptions, "exposed">,
): string | undefined {
  if (exposed.length === 0) return "the target has no rest channel";
  const past = pastTheGateway(persona);
  if (past !== undefined) return past;
  if (!exposed.includes(spec.schema)) return `the gateway does not expose the schema ${spec.schema}`;
  if (relation.info.isPartition) return "PostgREST does not show partitions by their own names";
  const { notOnRest: never, blind } = operationInfo[operation];
  if (never !== undefined) return never;
  if (relation.info.columns.some(({ name, composite }) => name === column && composite === true))
    return "PostgREST cannot ask for the rows that hold a composite value";
  // A count of 0 says all; any other says neither which rows, nor how many a constraint hid.
  if (blind && expectation.kind !== "deny") {
    return "PostgREST reports how many rows a blind write affected, not which";
  }
  const { sends = [], onConflict } = resolved.declaration?.partial ?? {};
  const sent = [...(onConflict?.map(({ name }) => name) ?? relation.key), ...sends.map(({ name }) => name)];
  const made = relation.info.columns.find(
    ({ name, identity, generated }) => sent.includes(name) && (identity === "always" || generated),
  );
  if (operation === "upsert" && made !== undefined)
    return `PostgREST cannot write ${made.name}, which is generated always`;
  return undefined;
}
