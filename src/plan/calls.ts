import type { Catalog, RoleInfo, RoutineInfo } from "../model/catalog.ts";
import type { Cell, PlannedCall } from "../model/cell.ts";
import {
  type Call,
  callIsOpen,
  type Declaration,
  type FunctionSpec,
  type Matrix,
  type Persona,
} from "../model/matrix.ts";
import { formatFunction, functionName } from "../lib/sql-text.ts";
import { bindCall, bindCallPredicate } from "./bind-call.ts";
import { pastTheGateway } from "./channels.ts";
import { type ColumnExpectation, columnExpectations } from "./columns.ts";
import type { ResolvedExpectation } from "./expectation.ts";
import type { ExpandOptions } from "./options.ts";
import type { PlannedFunction } from "./function.ts";
import { constantDefaults, routinesNamed } from "./routine.ts";

type Options = Omit<ExpandOptions, "visible">;

/** Calls that show that a function accepts some persona: a few are enough, since one must be accepted. */
const besideAtMost = 3;

/** The cells of one function for some personas, call by call, so that neighbours are different personas. */
export function expandCalls(
  matrix: Matrix,
  planned: PlannedFunction,
  catalog: Catalog,
  personas: readonly Persona[],
  options: Options,
): readonly Cell[] {
  const { spec } = planned;
  const roles = new Map(catalog.roles.map((role) => [role.name, role]));
  const said = declarationsOf(spec);
  const isOpen = (call: Call, { name }: Persona): boolean =>
    wholeOf(said.get(name), call.name).expectation.kind !== "deny";
  const make = (
    fine: Fine,
    call: Call,
    persona: Persona,
    positiveControls: readonly Cell[],
  ): Cell | undefined => {
    const role = roles.get(persona.role);
    return role && cellOf({ matrix, catalog, planned, call, persona, role, positiveControls, fine }, options);
  };
  const whole = (call: Call, persona: Persona): readonly Cell[] => {
    const cell = make(wholeOf(said.get(persona.name), call.name), call, persona, []);
    return cell === undefined ? [] : [cell];
  };
  return spec.calls.flatMap((call) => {
    const others = matrix.personas.filter((one) => isOpen(call, one)).slice(0, besideAtMost + 1);
    return personas.flatMap((persona) => {
      const fine = finesOf(planned, said.get(persona.name), call.name).filter((one) =>
        isWanted(persona.name, spec, call.name, one.column, options.wants),
      );
      if (fine.length === 0) return [];
      const own = spec.calls.filter((one) => isOpen(one, persona)).slice(0, besideAtMost);
      const positiveControls = isOpen(call, persona)
        ? []
        : [
            ...others.filter((one) => one !== persona).flatMap((one) => whole(call, one)),
            ...own.flatMap((one) => whole(one, persona)),
          ];
      return fine.flatMap((one) => make(one, call, persona, positiveControls) ?? []);
    });
  });
}

/** How many cells of a function there will be, without making them. */
export function countCalls(
  planned: PlannedFunction,
  personas: readonly Persona[],
  wants: ExpandOptions["wants"],
): number {
  const { spec } = planned;
  const said = declarationsOf(spec);
  return spec.calls.flatMap((call) =>
    personas.flatMap(({ name }) =>
      finesOf(planned, said.get(name), call.name).filter(({ column }) =>
        isWanted(name, spec, call.name, column, wants),
      ),
    ),
  ).length;
}

/** `ana/public.profiles/execute`; with several calls `ana/public.profiles/execute(own)`; of a column `…/execute(own)/email`. */
function callId(persona: string, spec: FunctionSpec, call: string, column: string | undefined): string {
  const which = spec.calls.length > 1 ? `(${call})` : "";
  return `${allCalls(persona, spec)}${which}${column === undefined ? "" : `/${column}`}`;
}

function allCalls(persona: string, spec: FunctionSpec): string {
  return `${persona}/${formatFunction(spec)}/execute`;
}

/** By its own name, by its call's, or by that of all calls. */
function isWanted(
  persona: string,
  spec: FunctionSpec,
  call: string,
  column: string | undefined,
  wants: ExpandOptions["wants"],
): boolean {
  const all = allCalls(persona, spec);
  const of = column === undefined ? [all] : [all, `${all}/${column}`, callId(persona, spec, call, undefined)];
  return wants(callId(persona, spec, call, column), persona, ...of);
}

function declarationsOf({ declarations }: FunctionSpec): ReadonlyMap<string, Declaration> {
  return new Map(declarations.map((one) => [one.persona, one]));
}

/** What one cell is held to: of the call as a whole, or of one column of the rows that it returns. */
interface Fine extends ResolvedExpectation, Partial<Pick<ColumnExpectation, "at" | "among" | "everywhere">> {
  readonly column: string | undefined;
}

/** What is not listed is refused, and so is a call that an expectation does not choose. */
function wholeOf(declaration: Declaration | undefined, call: string): Fine {
  const open = declaration !== undefined && callIsOpen(declaration.calls, call);
  return {
    column: undefined,
    expectation: open ? declaration.expectation : { kind: "deny", reason: declaration?.calls?.reason },
    among: open ? undefined : withheld(declaration),
    declaration,
    implied: declaration === undefined,
    ...(declaration !== undefined && { at: declaration.at }),
  };
}

/** Rows that a call would return if it were let through: without any of them, to return none denies nothing. */
function withheld(declaration: Declaration | undefined): string | undefined {
  if (declaration?.calls?.reason !== "filter" || declaration.expectation.kind !== "rows") return undefined;
  return declaration.expectation.predicate;
}

function finesOf(
  { relation }: PlannedFunction,
  declaration: Declaration | undefined,
  call: string,
): readonly Fine[] {
  const whole = wholeOf(declaration, call);
  if (declaration === undefined || !callIsOpen(declaration.calls, call)) return [whole];
  const columns = columnExpectations(whole, relation);
  return [whole, ...columns.map((one): Fine => ({ ...one, declaration }))];
}

interface Planned {
  readonly matrix: Matrix;
  readonly catalog: Catalog;
  readonly planned: PlannedFunction;
  readonly call: Call;
  readonly persona: Persona;
  readonly role: RoleInfo;
  readonly positiveControls: readonly Cell[];
  readonly fine: Fine;
}

function cellOf(
  { matrix, catalog, planned, call, persona, role, positiveControls, fine }: Planned,
  options: Options,
): Cell {
  const { spec, routine, relation, valueName } = planned;
  const { column, expectation, declaration, implied, among } = fine;
  const { values, borrowed } = bindCall(call, persona, matrix);
  const bound = (predicate: string): string =>
    bindCallPredicate(predicate, {
      persona,
      vars: matrix.vars,
      values,
      column,
      defaults: constantDefaults(routine),
    });
  const why = notOnRest(routine, values, catalog, options.exposed) ?? pastTheGateway(persona);
  return {
    id: callId(persona.name, spec, call.name, column),
    persona,
    role,
    relation,
    operation: "execute",
    column,
    call: {
      name: call.name,
      only: spec.calls.length === 1,
      routine,
      called: functionName(spec),
      values,
      borrowed,
      raises: spec.raises,
      valueName,
      positiveControls,
    },
    among: among === undefined ? undefined : bound(among),
    everywhere: fine.everywhere === true,
    expectation:
      "predicate" in expectation ? { ...expectation, predicate: bound(expectation.predicate) } : expectation,
    candidates: [],
    update: undefined,
    implied,
    waiver: declaration?.waiver,
    observed: declaration?.observed,
    at: fine.at ?? spec.at,
    behindGateway: options.exposed.length > 0 && persona.login === undefined,
    channels: options.channels.filter((channel) => channel === "direct" || why === undefined),
    notOn: why !== undefined && options.channels.includes("rest") ? { rest: why } : {},
  };
}

/** Why PostgREST cannot be asked for a call; `undefined`: it can. */
function notOnRest(
  routine: RoutineInfo,
  values: PlannedCall["values"],
  catalog: Catalog,
  exposed: readonly string[],
): string | undefined {
  if (exposed.length === 0) return "the target has no rest channel";
  if (!exposed.includes(routine.schema)) return `the gateway does not expose the schema ${routine.schema}`;
  if (hasUnnamed(routine)) return "PostgREST passes arguments by name, and one of this function has none";
  const open = routine.arguments.find(({ name, cast }) => cast === null && Object.hasOwn(values, name));
  if (open !== undefined) return `PostgREST cannot name the type of an argument of type ${open.type}`;
  if (routine.returns === "record") return "PostgREST cannot name the columns of a record";
  const takers = routinesNamed(catalog, routine).filter((one) => takes(one, Object.keys(values)));
  return takers.length > 1
    ? `PostgREST tells overloads apart by the names of arguments, and ${takers.length} take these`
    : undefined;
}

function hasUnnamed(routine: RoutineInfo): boolean {
  return routine.arguments.some(({ name }) => name === "");
}

function takes(routine: RoutineInfo, given: readonly string[]): boolean {
  if (routine.kind !== "function" || hasUnnamed(routine)) return false;
  const known = routine.arguments.map(({ name }) => name);
  const required = routine.arguments.filter((one) => one.required).map(({ name }) => name);
  return given.every((name) => known.includes(name)) && required.every((name) => given.includes(name));
}
