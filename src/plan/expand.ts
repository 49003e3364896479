import type { Catalog, RoleInfo } from "../model/catalog.ts";
import type { BoundCandidate, Cell, Channel, PlannedRelation, UpdatePlan } from "../model/cell.ts";
import { RowgateError } from "../model/errors.ts";
import type {
  Candidate,
  Declaration,
  Expectation,
  Matrix,
  Persona,
  RelationOperation,
  RelationSpec,
} from "../model/matrix.ts";
import { relationOperations } from "../model/matrix.ts";
import { bindCandidateValue, personaParameter } from "../model/parameters.ts";
import { formatQualified } from "../model/sql-text.ts";
import { buildCandidates } from "./candidates.ts";
import { bindPredicate, columnExpectations } from "./columns.ts";
import { type Settled, settle } from "./expectation.ts";
import { pastTheGateway } from "./channels.ts";
import type { Wants } from "./filters.ts";
import type { SampleRow } from "./relation.ts";
import { type Subjects, subjectsOf } from "./subject.ts";

export interface ExpandOptions {
  readonly channels: readonly Channel[];
  /** Schemas that the gateway exposes; empty when the target has none. */
  readonly exposed: readonly string[];
  /** Rows that a persona is declared to see, as material for candidates. */
  readonly visible: ReadonlyMap<string, readonly SampleRow[]>;
  /** The cells that were asked for. */
  readonly wants: Wants;
}

/** The cells of one relation for some personas, operation by operation, so that neighbours are different personas. */
export function expandCells(
  matrix: Matrix,
  spec: RelationSpec,
  relation: PlannedRelation,
  catalog: Catalog,
  personas: readonly Persona[],
  options: ExpandOptions,
): readonly Cell[] {
  const subjects = subjectsOf(matrix.personas);
  const roles = new Map(catalog.roles.map((role) => [role.name, role]));
  return relationOperations.flatMap((operation) =>
    applies(operation, relation)
      ? personas.flatMap((persona) => {
          const id = `${persona.name}/${formatQualified(spec)}/${operation}`;
          const role = roles.get(persona.role);
          const settled = role && settle(spec, persona.name, operation);
          if (role === undefined || settled === undefined) return [];
          const planned = { matrix, spec, relation, persona, operation, settled, role, subjects, id };
          const whole = options.wants(id, persona.name)
            ? [cellOf({ ...planned, column: undefined }, options)]
            : [];
          return [...whole, ...columnCells(planned, options)];
        })
      : [],
  );
}

/** How many of a relation's cells there will be, without making them. */
export function countCells(
  spec: RelationSpec,
  relation: PlannedRelation,
  personas: readonly Persona[],
  wants: ExpandOptions["wants"],
): number {
  let count = 0;
  for (const operation of relationOperations) {
    if (!applies(operation, relation)) continue;
    for (const { name } of personas) {
      const id = `${name}/${formatQualified(spec)}/${operation}`;
      const settled = settle(spec, name, operation);
      if (settled === undefined) continue;
      if (wants(id, name)) count += 1;
      for (const { column } of columnExpectations(settled, relation)) {
        if (wants(fineId(id, column), name, id)) count += 1;
      }
    }
  }
  return count;
}

/** The cells of a SELECT's columns, which stand behind its own. */
function columnCells(planned: Omit<Planned, "column">, options: ExpandOptions): readonly Cell[] {
  return columnExpectations(planned.settled, planned.relation).flatMap((one) => {
    const id = fineId(planned.id, one.column);
    if (!options.wants(id, planned.persona.name, planned.id)) return [];
    const settled = { ...planned.settled, expectation: one.expectation, implied: one.implied };
    const fine = { ...planned, settled, column: one.column, id };
    const among = one.among === undefined ? undefined : bindPredicate(one.among, fine);
    return [{ ...cellOf(fine, options), among, everywhere: one.everywhere, at: one.at }];
  });
}

function fineId(id: string, column: string): string {
  return `${id}/${column}`;
}

function applies(operation: RelationOperation, { info, key }: PlannedRelation): boolean {
  const isTable = info.kind === "table" || info.kind === "partitioned";
  if (operation === "truncate") return isTable;
  return operation !== "upsert" || (isTable && key.length > 0 && isUnique(key, info));
}

/** ON CONFLICT needs a unique index over just these columns. */
function isUnique(key: readonly string[], info: PlannedRelation["info"]): boolean {
  const same = (columns: readonly string[]): boolean =>
    columns.length === key.length && columns.every((name) => key.includes(name));
  return same(info.primaryKey) || info.uniqueKeys.some(same);
}

interface Planned {
  readonly matrix: Matrix;
  readonly spec: RelationSpec;
  readonly relation: PlannedRelation;
  readonly persona: Persona;
  readonly operation: RelationOperation;
  readonly column: string | undefined;
  readonly settled: Settled;
  readonly role: RoleInfo;
  readonly subjects: Subjects;
  readonly id: string;
}

function cellOf(planned: Planned, options: ExpandOptions): Cell {
  const { matrix, spec, relation, persona, operation, column, settled, role, id } = planned;
  const expectation = bound(planned);
  const { channels, notOn } = channelsOf(planned, expectation, options);
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
    update: operation.endsWith("update") ? updatePlan(settled.declaration, matrix, persona) : undefined,
    implied: settled.implied,
    waiver: settled.declaration?.waiver,
    at: settled.declaration?.at ?? spec.at,
    behindGateway: options.exposed.length > 0 && persona.login === undefined,
    channels,
    notOn,
  };
}

function bound(planned: Planned): Expectation {
  const { settled, spec, matrix, persona } = planned;
  const { expectation, declaration } = settled;
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

function candidatesOf(
  { matrix, spec, relation, persona, operation, subjects }: Planned,
  expectation: Expectation,
  options: ExpandOptions,
): readonly BoundCandidate[] {
  // Blind writes take values from candidates too: what the persona would write is what WITH CHECK may let through.
  if (operation !== "insert" && !operation.includes("update")) return [];
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

/** A candidate with a parameter that a denied persona has no value for is not its own to send. */
function bindCandidate(
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

function channelsOf(
  planned: Planned,
  expectation: Expectation,
  options: ExpandOptions,
): Pick<Cell, "channels" | "notOn"> {
  const reason = notOnRest(planned, expectation, options);
  const channels = options.channels.filter((channel) => channel === "direct" || reason === undefined);
  const notOn = reason !== undefined && options.channels.includes("rest") ? { rest: reason } : {};
  return { channels, notOn };
}

function notOnRest(
  { spec, operation, column, relation, persona }: Planned,
  expectation: Expectation,
  { exposed }: ExpandOptions,
): string | undefined {
  if (exposed.length === 0) return "the target has no rest channel";
  const past = pastTheGateway(persona);
  if (past !== undefined) return past;
  if (!exposed.includes(spec.schema)) return `the gateway does not expose the schema ${spec.schema}`;
  if (relation.info.isPartition) return "PostgREST does not show partitions by their own names";
  if (operation === "truncate") return "PostgREST has no TRUNCATE";
  if (relation.info.columns.some(({ name, composite }) => name === column && composite === true))
    return "PostgREST cannot ask for the rows that hold a composite value";
  // A count of 0 says all; any other says neither which rows, nor how many a constraint hid.
  if (operation.startsWith("blind_") && expectation.kind !== "deny") {
    return "PostgREST tells how many rows a blind write reached, not which";
  }
  const made = relation.info.columns.find(
    ({ name, identity, generated }) => relation.key.includes(name) && (identity === "always" || generated),
  );
  if (operation === "upsert" && made !== undefined)
    return `PostgREST cannot write ${made.name}, which is generated always`;
  return undefined;
}
