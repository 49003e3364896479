import { operationInfo } from "../model/operations.ts";
import type { RoleInfo } from "../model/catalog.ts";
import type { BoundCandidate, Cell, PlannedRelation, UpdatePlan } from "../model/cell.ts";
import { RowgateError } from "../model/errors.ts";
import type {
  Candidate,
  Declaration,
  Expectation,
  Matrix,
  NewRows,
  Persona,
  RelationOperation,
  RelationSpec,
} from "../model/matrix.ts";
import { bindCandidateValue, personaParameter } from "../model/parameters.ts";
import { buildCandidates } from "./candidates.ts";
import { bindPredicate } from "./columns.ts";
import type { ResolvedExpectation } from "./expectation.ts";
import type { ExpandOptions } from "./options.ts";
import type { Subjects } from "./subject.ts";
import { pastTheGateway } from "./channels.ts";

/** All that a cell is made of. */
export interface Planned {
  readonly matrix: Matrix;
  readonly spec: RelationSpec;
  readonly relation: PlannedRelation;
  readonly persona: Persona;
  readonly operation: RelationOperation;
  readonly column: string | undefined;
  readonly resolved: ResolvedExpectation;
  readonly role: RoleInfo;
  readonly subjects: Subjects;
  readonly id: string;
}

export function cellOf(planned: Planned, options: ExpandOptions): Cell {
  const { matrix, spec, relation, persona, operation, column, resolved, role, id } = planned;
  const expectation = bound(planned);
  const { channels, notOn } = answeringChannels(planned, expectation, options);
  let candidates: readonly BoundCandidate[] | undefined;
  return {
    id,
    persona,
    role,
    relation,
    operation,
    column,
    among: undefined,
    everywhere: false,
    expectation,
    // Asked for by every INSERT, and by an UPDATE only once a check has refused it.
    get candidates() {
      return (candidates ??= candidatesOf(planned, expectation, options));
    },
    update: operationInfo[operation].setsValues
      ? updatePlan(resolved.declaration, matrix, persona)
      : undefined,
    check: newRowsOf(planned, expectation),
    returning: returningOf(planned),
    partial: partialOf(planned),
    implied: resolved.implied,
    waiver: resolved.declaration?.waiver,
    observed: spec.observed ?? resolved.declaration?.observed,
    at: resolved.declaration?.at ?? spec.at,
    behindGateway: options.exposed.length > 0 && persona.login === undefined,
    channels,
    notOn,
  };
}

function bound(planned: Planned): Expectation {
  const { resolved, spec, matrix, persona } = planned;
  const { expectation, declaration } = resolved;
  if (expectation.kind === "candidates") {
    // A candidate that the declaration does not name is refused by default, if the persona can send it at all.
    const named = declaration?.expectation.kind === "candidates" ? declaration.expectation.reject : [];
    const sendable = spec.candidates
      .filter(
        (candidate) => bindCandidate(candidate, matrix, persona, named.includes(candidate.name)).length > 0,
      )
      .map(({ name }) => name);
    return { ...expectation, reject: expectation.reject.filter((name) => sendable.includes(name)) };
  }
  if (expectation.kind !== "rows" && expectation.kind !== "within") return expectation;
  return { ...expectation, predicate: bindPredicate(expectation.predicate, planned) };
}

/** An upsert writes nothing that INSERT or UPDATE could not: `check` belongs to these, and to the UPDATE that reads no column. */
function newRowsOf(planned: Planned, expectation: Expectation): NewRows | undefined {
  const { operation, resolved, column } = planned;
  const check = resolved.declaration?.check;
  const writes = operation === "insert" || operation === "update" || operation === "blind_update";
  if (check === undefined || !writes || column !== undefined || expectation.kind === "deny") return undefined;
  return { ...check, predicate: bindPredicate(check.predicate, planned) };
}

function returningOf({ resolved, operation, column, relation }: Planned): readonly string[] | undefined {
  const returning = resolved.declaration?.returning;
  if (returning === undefined || operation !== "insert" || column !== undefined) return undefined;
  return (returning.columns ?? relation.info.columns).map(({ name }) => name);
}

function partialOf({ resolved, operation, relation }: Planned): Cell["partial"] {
  const partial = operation === "upsert" && !resolved.implied ? resolved.declaration?.partial : undefined;
  return (
    partial && {
      sends: partial.sends?.map(({ name }) => name),
      onConflict: partial.onConflict?.map(({ name }) => name) ?? relation.key,
    }
  );
}

function candidatesOf(
  { matrix, spec, relation, persona, operation, subjects }: Planned,
  expectation: Expectation,
  options: ExpandOptions,
): readonly BoundCandidate[] {
  // Blind writes take values from candidates too: what the persona would write is what WITH CHECK may let through.
  if (operation !== "insert" && !operationInfo[operation].setsValues) return [];
  const visible = options.visible.get(persona.name) ?? [];
  if (operation !== "insert") return buildCandidates(relation, persona, subjects, visible, "update");
  const wanted =
    expectation.kind === "candidates"
      ? spec.candidates.filter(
          ({ name }) => expectation.accept.includes(name) || expectation.reject.includes(name),
        )
      : spec.candidates;
  const declared = wanted.flatMap((candidate) =>
    bindCandidate(candidate, matrix, persona, expectation.kind === "candidates"),
  );
  if (expectation.kind === "candidates" || (expectation.kind === "allow" && declared.length > 0))
    return declared;
  const held = relation.info.privileges[persona.role]?.insert ?? [];
  const built = buildCandidates(relation, persona, subjects, visible);
  return [
    ...declared,
    ...(held.length === 0 && declared.length > 0
      ? []
      : expectation.kind === "allow"
        ? built.slice(-1)
        : built),
  ];
}

function updatePlan(
  declaration: Declaration | undefined,
  matrix: Matrix,
  persona: Persona,
): UpdatePlan | undefined {
  if (declaration === undefined) return undefined;
  const { set, never } = declaration;
  return {
    set:
      set === undefined
        ? undefined
        : bindValues({ name: "set", values: set, at: declaration.at }, matrix, persona).values,
    never: never.map((move) => bindValues(move, matrix, persona)),
  };
}

/** A candidate with a parameter that a denied persona has no value for is not its own to send. */
export function bindCandidate(
  candidate: Candidate,
  matrix: Matrix,
  persona: Persona,
  required: boolean,
): readonly BoundCandidate[] {
  try {
    return [bindValues(candidate, matrix, persona)];
  } catch (error) {
    if (!required && error instanceof RowgateError && error.code === "parameter/no-value") return [];
    throw error;
  }
}

function bindValues({ name, values }: Candidate, matrix: Matrix, persona: Persona): BoundCandidate {
  const valueOf = (parameter: string) => personaParameter(persona, matrix.vars, parameter);
  const entries = Object.entries(values).map(
    ([column, value]) => [column, bindCandidateValue(value, valueOf)] as const,
  );
  return { name, origin: "declared", values: Object.fromEntries(entries) };
}

/** What decides whether PostgREST can be asked. */
type Asked = Pick<Planned, "spec" | "relation" | "persona" | "operation" | "column" | "resolved">;

/** The channels that answer for a cell, and why rest does not. */
function answeringChannels(
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
